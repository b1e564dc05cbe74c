-- family: stagelight_spark_application_elapsed_seconds
-- type: gauge
-- help: Time from the start of an application to its end or, while it runs, to its last event.
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
    duration_ms / 1000.0 AS value
FROM recent.deployments
