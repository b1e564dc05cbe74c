-- A row is an executor that has reported peaks of its memory and garbage collection, the driver
-- included. What it has not reported is 0. A task that ended on it counts as a report of zeros,
-- unless it says that there are no peaks (ExecutorMetrics.isSet).
-- Spark: LiveExecutor.peakExecutorMetrics, AppStatusListener.onExecutorMetricsUpdate,
-- onStageExecutorMetrics, onTaskEnd.
WITH reporting AS (
    SELECT app_id, attempt_id, executor_id FROM lake.executor_metrics
    UNION
    SELECT app_id, attempt_id, executor_id
    FROM lake.executor_sums
    WHERE num_reporting > 0
)
SELECT
    reporting.app_id,
    NULLIF(reporting.attempt_id, '') AS attempt_id,
    reporting.executor_id,
    coalesce(max(metrics.jvm_heap_memory), 0) AS jvm_heap_memory,
    coalesce(max(metrics.jvm_off_heap_memory), 0) AS jvm_off_heap_memory,
    coalesce(max(metrics.on_heap_execution_memory), 0) AS on_heap_execution_memory,
    coalesce(max(metrics.off_heap_execution_memory), 0) AS off_heap_execution_memory,
    coalesce(max(metrics.on_heap_storage_memory), 0) AS on_heap_storage_memory,
    coalesce(max(metrics.off_heap_storage_memory), 0) AS off_heap_storage_memory,
    coalesce(max(metrics.on_heap_unified_memory), 0) AS on_heap_unified_memory,
    coalesce(max(metrics.off_heap_unified_memory), 0) AS off_heap_unified_memory,
    coalesce(max(metrics.direct_pool_memory), 0) AS direct_pool_memory,
    coalesce(max(metrics.mapped_pool_memory), 0) AS mapped_pool_memory,
    coalesce(max(metrics.process_tree_jvm_v_memory), 0) AS process_tree_jvm_v_memory,
    coalesce(max(metrics.process_tree_jvm_rss_memory), 0) AS process_tree_jvm_rss_memory,
    coalesce(max(metrics.process_tree_python_v_memory), 0) AS process_tree_python_v_memory,
    coalesce(max(metrics.process_tree_python_rss_memory), 0) AS process_tree_python_rss_memory,
    coalesce(max(metrics.process_tree_other_v_memory), 0) AS process_tree_other_v_memory,
    coalesce(max(metrics.process_tree_other_rss_memory), 0) AS process_tree_other_rss_memory,
    coalesce(max(metrics.minor_gc_count), 0) AS minor_gc_count,
    coalesce(max(metrics.minor_gc_time_ms), 0) AS minor_gc_time_ms,
    coalesce(max(metrics.major_gc_count), 0) AS major_gc_count,
    coalesce(max(metrics.major_gc_time_ms), 0) AS major_gc_time_ms,
    coalesce(max(metrics.total_gc_time_ms), 0) AS total_gc_time_ms,
    coalesce(max(metrics.concurrent_gc_count), 0) AS concurrent_gc_count,
    coalesce(max(metrics.concurrent_gc_time_ms), 0) AS concurrent_gc_time_ms
FROM reporting
LEFT JOIN lake.executor_metrics AS metrics
    ON metrics.app_id = reporting.app_id
    AND metrics.attempt_id = reporting.attempt_id
    AND metrics.executor_id = reporting.executor_id
GROUP BY reporting.app_id, reporting.attempt_id, reporting.executor_id
