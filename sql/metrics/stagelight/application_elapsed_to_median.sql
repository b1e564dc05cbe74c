-- family: stagelight_spark_application_elapsed_to_median_ratio
-- type: gauge
-- help: How long an application lasted, or has run so far, over the median of the runs of the same name before it that succeeded.
-- unit: ratio
-- labels: cluster, namespace, app_name, app_id, attempt_id
-- budget: 500
-- rest: none
--
-- From: the rollups of the last 20 of these runs, where there are 5 at least (`regression_max_runs` and `regression_min_runs` of view `thresholds`). View `regressions` has what of it took so long.
SELECT
    cluster,
    namespace,
    app_name,
    app_id,
    attempt_id,
    duration_ms / median_duration_ms AS value
FROM recent.medians
WHERE median_duration_ms > 0
