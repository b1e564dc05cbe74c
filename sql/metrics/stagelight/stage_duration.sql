-- family: stagelight_spark_stage_duration_seconds
-- type: histogram
-- help: How long the stage attempts of all applications lasted that have ended.
-- unit: seconds
-- labels: cluster, namespace, app_name
-- budget: 1600
-- rest: sum
SELECT
    cluster,
    namespace,
    app_name,
    le_s AS le,
    ended AS value,
    duration_ms / 1000.0 AS sum
FROM recent.total_durations
WHERE kind = 'stage'
