-- family: spark_executor_completedTasks_total
-- type: counter
-- help: Tasks that an executor has completed.
-- unit: 1
-- labels: cluster, namespace, app_name, app_id, attempt_id, pod, executor_id
-- budget: 500
-- rest: sum
--
-- From: the ends of tasks, as the executors page counts them (view `executors`).
SELECT
    cluster,
    namespace,
    app_name,
    app_id,
    attempt_id,
    pod,
    executor_id,
    completed_tasks AS value
FROM recent.executors
WHERE NOT is_driver OR completed_tasks > 0
