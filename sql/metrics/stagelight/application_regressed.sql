-- family: stagelight_spark_application_regressed
-- type: gauge
-- help: 1 where an application lasts much longer than the runs of the same name before it that succeeded, else 0.
-- unit: 1
-- labels: cluster, namespace, app_name, app_id, attempt_id
-- budget: 500
-- rest: none
--
-- From: the same runs as stagelight_spark_application_elapsed_to_median_ratio, judged as view `regressions` judges durations (`regression_ratio`, `regression_min_difference` and `regression_z_score` of view `thresholds`). What runs is judged, too.
SELECT
    cluster,
    namespace,
    app_name,
    app_id,
    attempt_id,
    CASE WHEN has_regressed THEN 1 ELSE 0 END AS value
FROM recent.medians
