-- family: stagelight_spark_application_skew_excess_seconds
-- type: gauge
-- help: The longest that a task of an application ran beyond the median of its stage attempt.
-- unit: seconds
-- labels: cluster, namespace, app_name, app_id, attempt_id
-- budget: 500
-- rest: none
--
-- From: the tasks that succeeded.
SELECT
    cluster,
    namespace,
    app_name,
    app_id,
    attempt_id,
    skew_excess_ms / 1000.0 AS value
FROM recent.application_totals
