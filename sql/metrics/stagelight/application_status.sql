-- family: stagelight_spark_application_status
-- type: gauge
-- help: Status of an application: 1 for the status that it has, 0 for the others.
-- unit: 1
-- labels: app_id, attempt_id, app_name, status
-- kept: status
-- budget: 500
-- rest: none
SELECT
    applications.app_id,
    applications.attempt_id,
    applications.app_name,
    statuses.status,
    CASE WHEN applications.status = statuses.status THEN 1 ELSE 0 END AS value
FROM recent.applications
CROSS JOIN (VALUES ('running'), ('succeeded'), ('failed'), ('lost')) AS statuses (status)
