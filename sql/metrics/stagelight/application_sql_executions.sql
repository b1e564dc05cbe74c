-- family: stagelight_spark_application_sql_executions
-- type: gauge
-- help: SQL executions of an application by their present status.
-- unit: 1
-- labels: app_id, attempt_id, app_name, status
-- kept: status
-- budget: 500
-- rest: sum
SELECT
    applications.app_id,
    applications.attempt_id,
    applications.app_name,
    statuses.status,
    coalesce(sql_executions.sql_executions, 0) AS value
FROM recent.applications
CROSS JOIN (VALUES ('RUNNING'), ('COMPLETED'), ('FAILED')) AS statuses (status)
LEFT JOIN recent.sql_executions
    ON sql_executions.app_id = applications.app_id
    AND sql_executions.status = statuses.status
    AND sql_executions.attempt_id IS NOT DISTINCT FROM applications.attempt_id
