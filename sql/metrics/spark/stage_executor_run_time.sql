-- family: spark_stage_executor_runTime
-- type: unknown
-- help: Time that executors have spent running the tasks of a stage attempt, in milliseconds.
-- unit: milliseconds
-- labels: cluster, namespace, app_name, app_id, attempt_id, stage_id, stage_attempt_id
-- budget: 500
-- rest: sum
--
-- From: `Executor Run Time` of the ends of tasks (view `stages`).
SELECT
    cluster,
    namespace,
    app_name,
    app_id,
    attempt_id,
    stage_id,
    stage_attempt_id,
    executor_run_time_ms AS value
FROM recent.stages
WHERE status IN ('ACTIVE', 'COMPLETE', 'FAILED')
