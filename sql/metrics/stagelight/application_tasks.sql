-- family: stagelight_spark_application_tasks
-- type: gauge
-- help: Task attempts of an application by their present status.
-- unit: 1
-- labels: cluster, namespace, app_name, app_id, attempt_id, status
-- kept: status
-- budget: 500
-- rest: sum
SELECT
    totals.cluster,
    totals.namespace,
    totals.app_name,
    totals.app_id,
    totals.attempt_id,
    statuses.status,
    CASE statuses.status
        WHEN 'running' THEN totals.num_running_tasks
        WHEN 'success' THEN totals.num_succeeded_tasks
        WHEN 'failed' THEN totals.num_failed_tasks
        WHEN 'killed' THEN totals.num_killed_tasks
    END AS value
FROM recent.application_totals AS totals
CROSS JOIN (VALUES ('running'), ('success'), ('failed'), ('killed')) AS statuses (status)
