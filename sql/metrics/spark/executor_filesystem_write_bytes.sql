-- family: spark_executor_filesystem_write_bytes
-- type: unknown
-- help: Bytes that the tasks of an executor have written to storage.
-- unit: bytes
-- labels: cluster, namespace, app_name, app_id, attempt_id, pod, executor_id
-- budget: 500
-- rest: sum
--
-- From: `Output Metrics` of the ends of tasks, which is what their file systems say they have written
-- (Hadoop's statistics).
SELECT
    cluster,
    namespace,
    app_name,
    app_id,
    attempt_id,
    pod,
    executor_id,
    output_bytes AS value
FROM recent.executors
WHERE NOT is_driver OR completed_tasks > 0
