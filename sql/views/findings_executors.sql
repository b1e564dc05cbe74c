-- A row is an executor, the driver included, with what the rules of `findings`, which this is part of,
-- want to know of it. Peaks are NULL where it has not reported any.
--
-- shared
SELECT
    executors.app_id,
    executors.attempt_id,
    executors.executor_id,
    executors.max_memory,
    executors.total_duration_ms,
    executors.total_gc_time_ms,
    executors.total_input_bytes,
    executors.total_shuffle_read,
    executors.total_shuffle_write,
    NULLIF(peaks.jvm_heap_memory, 0) AS heap_bytes,
    peaks.on_heap_execution_memory + peaks.on_heap_storage_memory
        + peaks.off_heap_execution_memory + peaks.off_heap_storage_memory AS unified_bytes
FROM executors
LEFT JOIN executor_peak_metrics AS peaks
    ON peaks.app_id = executors.app_id
    AND coalesce(peaks.attempt_id, '') = coalesce(executors.attempt_id, '')
    AND peaks.executor_id = executors.executor_id
