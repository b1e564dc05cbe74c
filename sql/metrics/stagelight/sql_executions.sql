-- family: stagelight_spark_sql_executions_total
-- type: counter
-- help: SQL executions of all applications that have ended, by how.
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
        WHEN 'completed' THEN totals.num_completed_sql_executions
        WHEN 'failed' THEN totals.num_failed_sql_executions
    END AS value
FROM recent.totals
CROSS JOIN (VALUES ('completed'), ('failed')) AS statuses (status)
