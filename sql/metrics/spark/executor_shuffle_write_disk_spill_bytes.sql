-- family: spark_executor_shuffle_write_diskSpill_bytes
-- type: unknown
-- help: Bytes that the tasks of an executor have spilled to disk.
-- unit: bytes
-- labels: cluster, namespace, app_name, app_id, attempt_id, pod, executor_id
-- budget: 500
-- rest: sum
--
-- From: `Disk Bytes Spilled` of the ends of tasks.
SELECT
    cluster,
    namespace,
    app_name,
    app_id,
    attempt_id,
    pod,
    executor_id,
    disk_bytes_spilled AS value
FROM recent.executors
WHERE NOT is_driver OR completed_tasks > 0
