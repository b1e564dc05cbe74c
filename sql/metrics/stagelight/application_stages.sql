-- family: stagelight_spark_application_stages
-- type: gauge
-- help: Stage attempts of an application by their present status.
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
    count(stages.stage_id) AS value
FROM recent.applications
CROSS JOIN (VALUES ('PENDING'), ('ACTIVE'), ('COMPLETE'), ('FAILED'), ('SKIPPED')) AS statuses (status)
LEFT JOIN recent.stages
    ON stages.app_id = applications.app_id
    AND stages.status = statuses.status
    AND stages.attempt_id IS NOT DISTINCT FROM applications.attempt_id
GROUP BY
    applications.app_id, applications.attempt_id, applications.app_name, statuses.status
