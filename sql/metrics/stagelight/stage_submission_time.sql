-- family: stagelight_spark_stage_submission_timestamp_seconds
-- type: gauge
-- help: When a stage attempt was submitted, in seconds since the epoch.
-- unit: seconds
-- labels: cluster, namespace, app_name, app_id, attempt_id, stage_id, stage_attempt_id
-- budget: 500
-- rest: none
SELECT
    cluster,
    namespace,
    app_name,
    app_id,
    attempt_id,
    stage_id,
    stage_attempt_id,
    CAST(submission_time AS BIGINT) / 1000.0 AS value
FROM recent.stages
WHERE status IN ('ACTIVE', 'COMPLETE', 'FAILED')
