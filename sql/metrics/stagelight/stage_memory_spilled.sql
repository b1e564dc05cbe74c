-- family: stagelight_spark_stage_memory_spilled_bytes
-- type: gauge
-- help: Size in memory of the data that the tasks of a stage attempt spilled.
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
    memory_bytes_spilled AS value
FROM recent.stages
WHERE status IN ('ACTIVE', 'COMPLETE', 'FAILED')
