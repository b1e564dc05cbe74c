-- family: stagelight_spark_stage_failed_tasks
-- type: gauge
-- help: Task attempts of a stage attempt that failed; killed ones are not among them.
-- unit: 1
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
    num_failed_tasks AS value
FROM recent.stages
WHERE status IN ('ACTIVE', 'COMPLETE', 'FAILED')
