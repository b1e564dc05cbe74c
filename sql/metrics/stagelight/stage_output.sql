-- family: stagelight_spark_stage_output_bytes
-- type: gauge
-- help: Bytes that the tasks of a stage attempt wrote to storage.
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
    output_bytes AS value
FROM recent.stages
WHERE status IN ('ACTIVE', 'COMPLETE', 'FAILED')
