-- A row is an executor of a recent application, the driver included: what its tasks add up to, and
-- what it has reported last of its memory and garbage collection; NULL where it has reported nothing.
--
-- pod is the name that Spark gives to the executor's pod where `spark.kubernetes.executor.podNamePrefix`
-- is set, else the executor's host, which on Kubernetes is the address of its pod.
-- Spark: BasicExecutorFeatureStep (pod names), EventLoggingListener.onStageCompleted,
-- onExecutorMetricsUpdate (what is reported, with spark.eventLog.logStageExecutorMetrics), Executor's
-- task metrics (peaks of each task, from Spark 3.1).
WITH reports AS (
    SELECT
        app_id,
        attempt_id,
        executor_id,
        last_value(jvm_heap_memory ORDER BY segment, line) AS jvm_heap_memory,
        last_value(on_heap_storage_memory + off_heap_storage_memory ORDER BY segment, line)
            AS storage_memory,
        max(total_gc_time_ms) AS total_gc_time_ms
    FROM lake.executor_metrics
    WHERE array_has($app_ids, app_id)
    GROUP BY app_id, attempt_id, executor_id
),
sums AS (
    SELECT
        app_id,
        attempt_id,
        executor_id,
        sum(output_bytes) AS output_bytes,
        sum(disk_bytes_spilled) AS disk_bytes_spilled
    FROM lake.executor_sums
    WHERE array_has($app_ids, app_id)
    GROUP BY app_id, attempt_id, executor_id
)
SELECT
    deployments.cluster,
    deployments.namespace,
    deployments.app_name,
    executors.app_id,
    executors.attempt_id,
    executors.executor_id,
    executors.executor_id = 'driver' AS is_driver,
    CASE
        WHEN executors.executor_id = 'driver' THEN deployments.driver_pod
        WHEN deployments.executor_pod_prefix IS NOT NULL
            THEN concat(deployments.executor_pod_prefix, '-exec-', executors.executor_id)
        -- An IPv6 address has colons of its own.
        ELSE regexp_replace(executors.host_port, ':[0-9]+$', '')
    END AS pod,
    executors.is_active,
    executors.completed_tasks,
    coalesce(sums.output_bytes, 0) AS output_bytes,
    coalesce(sums.disk_bytes_spilled, 0) AS disk_bytes_spilled,
    reports.jvm_heap_memory,
    reports.storage_memory,
    reports.total_gc_time_ms
FROM executors
JOIN recent.deployments
    ON deployments.app_id = executors.app_id
    AND deployments.attempt_id IS NOT DISTINCT FROM executors.attempt_id
LEFT JOIN reports
    ON reports.app_id = executors.app_id
    AND reports.attempt_id = coalesce(executors.attempt_id, '')
    AND reports.executor_id = executors.executor_id
LEFT JOIN sums
    ON sums.app_id = executors.app_id
    AND sums.attempt_id = coalesce(executors.attempt_id, '')
    AND sums.executor_id = executors.executor_id
WHERE array_has($app_ids, executors.app_id)
