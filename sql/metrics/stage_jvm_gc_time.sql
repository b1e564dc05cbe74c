-- family: stagelight_spark_stage_jvm_gc_time_seconds
-- type: gauge
-- help: Time that the JVMs of executors spent in garbage collection during the tasks of a stage attempt, summed over tasks.
-- labels: app_id, attempt_id, app_name, stage_id, stage_attempt_id
SELECT
    stages.app_id,
    stages.attempt_id,
    applications.app_name,
    stages.stage_id,
    stages.stage_attempt_id,
    stages.jvm_gc_time_ms / 1000.0 AS value
FROM stages
JOIN applications
    ON applications.app_id = stages.app_id
    AND applications.attempt_id IS NOT DISTINCT FROM stages.attempt_id
WHERE applications.last_event_time >= now() - $window
    AND stages.status IN ('ACTIVE', 'COMPLETE', 'FAILED')
