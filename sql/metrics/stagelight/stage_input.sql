-- family: stagelight_spark_stage_input_bytes
-- type: gauge
-- help: Bytes that the tasks of a stage attempt read from storage or from cached data.
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
    input_bytes AS value
FROM recent.stages
WHERE status IN ('ACTIVE', 'COMPLETE', 'FAILED')
