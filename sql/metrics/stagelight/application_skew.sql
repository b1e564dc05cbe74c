-- family: stagelight_spark_application_skew_ratio
-- type: gauge
-- help: Of the skewed stages of an application, the greatest time that a task ran over the median of its stage.
-- unit: ratio
-- labels: cluster, namespace, app_name, app_id, attempt_id
-- budget: 500
-- rest: none
--
-- From: view `skew`. An application without a skewed stage has no series.
SELECT
    cluster,
    namespace,
    app_name,
    app_id,
    attempt_id,
    skew_ratio AS value
FROM recent.application_totals
WHERE skew_ratio IS NOT NULL
