-- family: stagelight_spark_stage_executor_cpu_time_seconds
-- type: gauge
-- help: CPU time that executors spent running the tasks of a stage attempt, summed over tasks.
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
    executor_cpu_time_ns / 1000000000.0 AS value
FROM recent.stages
WHERE status IN ('ACTIVE', 'COMPLETE', 'FAILED')
