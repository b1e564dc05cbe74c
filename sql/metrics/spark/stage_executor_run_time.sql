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
    deployments.cluster,
    deployments.namespace,
    deployments.app_name,
    deployments.app_id,
    deployments.attempt_id,
    stages.stage_id,
    stages.stage_attempt_id,
    stages.executor_run_time_ms AS value
FROM recent.stages
JOIN recent.deployments
    ON deployments.app_id = stages.app_id
    AND deployments.attempt_id IS NOT DISTINCT FROM stages.attempt_id
WHERE stages.status IN ('ACTIVE', 'COMPLETE', 'FAILED')
