-- A row is a stage attempt during which executors have reported peaks of their memory and garbage
-- collection: the greatest of any executor. What is not reported is 0. A task that ended counts as
-- a report of zeros, unless it says that there are no peaks (ExecutorMetrics.isSet).
-- Spark: LiveStage.peakExecutorMetrics, AppStatusListener.onTaskEnd,
-- updateStageLevelPeakExecutorMetrics.
WITH peaks AS (
    -- The reports that come while the stage lives. Heartbeats tell of stages that are over, too.
    SELECT metrics.*
    FROM stage_lives AS lives
    JOIN lake.executor_metrics AS metrics
        ON metrics.app_id = lives.app_id
        AND metrics.attempt_id = lives.attempt_id
        AND metrics.stage_id = lives.stage_id
        AND metrics.stage_attempt_id = lives.stage_attempt_id
    WHERE lives.is_last
        AND metrics.segment * 100000000000 + metrics.line > lives.born_at
        AND (lives.removed_at IS NULL
            OR metrics.segment * 100000000000 + metrics.line <= lives.removed_at)
),
reporting AS (
    SELECT app_id, attempt_id, stage_id, stage_attempt_id FROM peaks
    UNION
    SELECT lives.app_id, lives.attempt_id, lives.stage_id, lives.stage_attempt_id
    FROM stage_lives AS lives
    JOIN stage_totals AS totals
        ON totals.app_id = lives.app_id
        AND totals.attempt_id = lives.attempt_id
        AND totals.stage_id = lives.stage_id
        AND totals.stage_attempt_id = lives.stage_attempt_id
    WHERE lives.is_last AND lives.is_plain AND totals.num_reporting > 0
    UNION
    SELECT app_id, attempt_id, stage_id, stage_attempt_id
    FROM stage_task_ends
    WHERE NOT is_plain AND coalesce(peak_jvm_heap_memory, 0) >= 0
)
SELECT
    reporting.app_id,
    NULLIF(reporting.attempt_id, '') AS attempt_id,
    reporting.stage_id,
    reporting.stage_attempt_id,
    coalesce(max(peaks.jvm_heap_memory), 0) AS jvm_heap_memory,
    coalesce(max(peaks.jvm_off_heap_memory), 0) AS jvm_off_heap_memory,
    coalesce(max(peaks.on_heap_execution_memory), 0) AS on_heap_execution_memory,
    coalesce(max(peaks.off_heap_execution_memory), 0) AS off_heap_execution_memory,
    coalesce(max(peaks.on_heap_storage_memory), 0) AS on_heap_storage_memory,
    coalesce(max(peaks.off_heap_storage_memory), 0) AS off_heap_storage_memory,
    coalesce(max(peaks.on_heap_unified_memory), 0) AS on_heap_unified_memory,
    coalesce(max(peaks.off_heap_unified_memory), 0) AS off_heap_unified_memory,
    coalesce(max(peaks.direct_pool_memory), 0) AS direct_pool_memory,
    coalesce(max(peaks.mapped_pool_memory), 0) AS mapped_pool_memory,
    coalesce(max(peaks.process_tree_jvm_v_memory), 0) AS process_tree_jvm_v_memory,
    coalesce(max(peaks.process_tree_jvm_rss_memory), 0) AS process_tree_jvm_rss_memory,
    coalesce(max(peaks.process_tree_python_v_memory), 0) AS process_tree_python_v_memory,
    coalesce(max(peaks.process_tree_python_rss_memory), 0) AS process_tree_python_rss_memory,
    coalesce(max(peaks.process_tree_other_v_memory), 0) AS process_tree_other_v_memory,
    coalesce(max(peaks.process_tree_other_rss_memory), 0) AS process_tree_other_rss_memory,
    coalesce(max(peaks.minor_gc_count), 0) AS minor_gc_count,
    coalesce(max(peaks.minor_gc_time_ms), 0) AS minor_gc_time_ms,
    coalesce(max(peaks.major_gc_count), 0) AS major_gc_count,
    coalesce(max(peaks.major_gc_time_ms), 0) AS major_gc_time_ms,
    coalesce(max(peaks.total_gc_time_ms), 0) AS total_gc_time_ms,
    coalesce(max(peaks.concurrent_gc_count), 0) AS concurrent_gc_count,
    coalesce(max(peaks.concurrent_gc_time_ms), 0) AS concurrent_gc_time_ms
FROM reporting
LEFT JOIN peaks
    ON peaks.app_id = reporting.app_id
    AND peaks.attempt_id = reporting.attempt_id
    AND peaks.stage_id = reporting.stage_id
    AND peaks.stage_attempt_id = reporting.stage_attempt_id
GROUP BY
    reporting.app_id,
    reporting.attempt_id,
    reporting.stage_id,
    reporting.stage_attempt_id
