-- family: stagelight_spark_application_jobs
-- type: gauge
-- help: Jobs of an application by their present status.
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
    coalesce(jobs.jobs, 0) AS value
FROM recent.applications
CROSS JOIN (VALUES ('RUNNING'), ('SUCCEEDED'), ('FAILED')) AS statuses (status)
LEFT JOIN recent.jobs
    ON jobs.app_id = applications.app_id
    AND jobs.status = statuses.status
    AND jobs.attempt_id IS NOT DISTINCT FROM applications.attempt_id
