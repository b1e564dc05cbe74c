-- family: stagelight_spark_stage_shuffle_write_bytes
-- type: gauge
-- help: Bytes of shuffle data that the tasks of a stage attempt wrote.
-- labels: app_id, attempt_id, app_name, stage_id, stage_attempt_id
SELECT
    app_id,
    attempt_id,
    app_name,
    stage_id,
    stage_attempt_id,
    shuffle_write_bytes AS value
FROM recent.stages
WHERE status IN ('ACTIVE', 'COMPLETE', 'FAILED')
