-- family: stagelight_spark_application_start_timestamp_seconds
-- type: gauge
-- help: When an application started, in seconds since the epoch.
-- unit: seconds
-- labels: app_id, attempt_id, app_name
-- budget: 500
-- rest: none
SELECT
    app_id,
    attempt_id,
    app_name,
    CAST(start_time AS BIGINT) / 1000.0 AS value
FROM recent.applications
