-- family: stagelight_spark_stage_jvm_gc_time_seconds
-- type: gauge
-- help: Time that the JVMs of executors spent in garbage collection during the tasks of a stage attempt, summed over tasks.
-- unit: seconds
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
    jvm_gc_time_ms / 1000.0 AS value
FROM recent.stages
WHERE status IN ('ACTIVE', 'COMPLETE', 'FAILED')
