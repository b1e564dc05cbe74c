-- family: stagelight_spark_application_tasks
-- type: gauge
-- help: Task attempts of an application by their present status.
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
    coalesce(tasks.tasks, 0) AS value
FROM recent.applications
CROSS JOIN (VALUES ('RUNNING'), ('SUCCESS'), ('FAILED'), ('KILLED')) AS statuses (status)
LEFT JOIN recent.tasks
    ON tasks.app_id = applications.app_id
    AND tasks.status = statuses.status
    AND tasks.attempt_id IS NOT DISTINCT FROM applications.attempt_id
