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
        WHEN 'RUNNING' THEN totals.num_running_tasks
        WHEN 'SUCCESS' THEN totals.num_succeeded_tasks
        WHEN 'FAILED' THEN totals.num_failed_tasks
        WHEN 'KILLED' THEN totals.num_killed_tasks
    END AS value
FROM recent.application_totals AS totals
CROSS JOIN (VALUES ('RUNNING'), ('SUCCESS'), ('FAILED'), ('KILLED')) AS statuses (status)
