-- family: stagelight_spark_application_last_event_timestamp_seconds
-- type: gauge
-- help: When the last event of an application that is in the lake happened, in seconds since the epoch.
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
    CAST(last_event_time AS BIGINT) / 1000.0 AS value
FROM recent.deployments
