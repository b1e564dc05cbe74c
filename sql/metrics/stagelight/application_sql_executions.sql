-- family: stagelight_spark_application_sql_executions
-- type: gauge
-- help: SQL executions of an application by their present status.
-- unit: 1
-- labels: cluster, namespace, app_name, app_id, attempt_id, status
-- kept: status
-- budget: 500
-- rest: sum
SELECT
    deployments.cluster,
    deployments.namespace,
    deployments.app_name,
    deployments.app_id,
    deployments.attempt_id,
    statuses.status,
    coalesce(sql_executions.sql_executions, 0) AS value
FROM recent.deployments
CROSS JOIN (VALUES ('RUNNING'), ('COMPLETED'), ('FAILED')) AS statuses (status)
LEFT JOIN recent.sql_executions
    ON sql_executions.app_id = deployments.app_id
    AND sql_executions.status = statuses.status
    AND sql_executions.attempt_id IS NOT DISTINCT FROM deployments.attempt_id
