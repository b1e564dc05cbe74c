-- family: stagelight_spark_application_start_timestamp_seconds
-- type: gauge
-- help: When an application started, in seconds since the epoch.
-- unit: seconds
-- labels: cluster, namespace, app_name, app_id, attempt_id
-- budget: 500
-- rest: none
SELECT
    cluster,
    namespace,
    app_name,
    app_id,
    attempt_id,
    CAST(start_time AS BIGINT) / 1000.0 AS value
FROM recent.deployments
