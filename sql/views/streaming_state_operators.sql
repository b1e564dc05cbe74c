-- A row is the state that a batch of a streaming query kept in one operator.
-- Spark: StateOperatorProgress.
SELECT
    app_id,
    NULLIF(attempt_id, '') AS attempt_id,
    query_id,
    run_id,
    batch_id,
    operator_name,
    num_rows_total,
    num_rows_updated,
    num_rows_removed,
    num_rows_dropped_by_watermark,
    all_updates_time_ms,
    all_removals_time_ms,
    commit_time_ms,
    memory_used_bytes,
    num_shuffle_partitions,
    num_state_store_instances,
    custom_metrics
FROM lake.streaming_state_operators
