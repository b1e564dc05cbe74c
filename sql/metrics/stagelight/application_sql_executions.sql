-- family: stagelight_spark_application_sql_executions
-- type: gauge
-- help: SQL executions of an application by their present status.
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
        WHEN 'running' THEN totals.num_running_sql_executions
        WHEN 'completed' THEN totals.num_completed_sql_executions
        WHEN 'failed' THEN totals.num_failed_sql_executions
    END AS value
FROM recent.application_totals AS totals
CROSS JOIN (VALUES ('running'), ('completed'), ('failed')) AS statuses (status)
