-- family: stagelight_spark_stage_shuffle_read_bytes
-- type: gauge
-- help: Bytes of shuffle data that the tasks of a stage attempt read, local and remote.
-- unit: bytes
-- labels: cluster, namespace, app_name, app_id, attempt_id, stage_id, stage_attempt_id
-- budget: 500
-- rest: sum
SELECT
    cluster,
    namespace,
    app_name,
    app_id,
    attempt_id,
    stage_id,
    stage_attempt_id,
    shuffle_read_bytes AS value
FROM recent.stages
WHERE status IN ('ACTIVE', 'COMPLETE', 'FAILED')
