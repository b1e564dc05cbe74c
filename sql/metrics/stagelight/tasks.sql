-- family: stagelight_spark_tasks_total
-- type: counter
-- help: Task attempts of all applications that have ended, by how.
-- unit: 1
-- labels: cluster, namespace, app_name, status
-- kept: status
-- budget: 400
-- rest: sum
SELECT
    totals.cluster,
    totals.namespace,
    totals.app_name,
    statuses.status,
    CASE statuses.status
        WHEN 'success' THEN totals.num_succeeded_tasks
        WHEN 'failed' THEN totals.num_failed_tasks
        WHEN 'killed' THEN totals.num_killed_tasks
    END AS value
FROM recent.totals
CROSS JOIN (VALUES ('success'), ('failed'), ('killed')) AS statuses (status)
