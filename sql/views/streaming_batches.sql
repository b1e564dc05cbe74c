-- A row is a batch of a streaming query that has made progress.
-- Spark: StreamingQueryProgress.
WITH durations AS (
    SELECT
        app_id,
        attempt_id,
        segment,
        line,
        max(duration_ms) FILTER (WHERE name = 'triggerExecution') AS trigger_execution_ms,
        max(duration_ms) FILTER (WHERE name = 'addBatch') AS add_batch_ms,
        max(duration_ms) FILTER (WHERE name = 'getBatch') AS get_batch_ms,
        max(duration_ms) FILTER (WHERE name IN ('latestOffset', 'getOffset')) AS latest_offset_ms,
        max(duration_ms) FILTER (WHERE name = 'queryPlanning') AS query_planning_ms,
        max(duration_ms) FILTER (WHERE name = 'walCommit') AS wal_commit_ms,
        max(duration_ms) FILTER (WHERE name = 'commitOffsets') AS commit_offsets_ms
    FROM lake.streaming_durations
    GROUP BY app_id, attempt_id, segment, line
),
sources AS (
    SELECT
        app_id,
        attempt_id,
        segment,
        line,
        sum(num_input_rows) AS num_input_rows,
        sum(input_rows_per_second) AS input_rows_per_second,
        sum(processed_rows_per_second) AS processed_rows_per_second
    FROM lake.streaming_sources
    GROUP BY app_id, attempt_id, segment, line
),
states AS (
    SELECT
        app_id,
        attempt_id,
        segment,
        line,
        sum(num_rows_total) AS state_rows_total,
        sum(num_rows_updated) AS state_rows_updated,
        sum(num_rows_dropped_by_watermark) AS state_rows_dropped_by_watermark,
        sum(memory_used_bytes) AS state_memory_bytes
    FROM lake.streaming_state_operators
    GROUP BY app_id, attempt_id, segment, line
)
SELECT
    batches.app_id,
    NULLIF(batches.attempt_id, '') AS attempt_id,
    batches.query_id,
    batches.run_id,
    batches.name,
    batches.batch_id,
    batches.time AS trigger_time,
    coalesce(batches.batch_duration_ms, durations.trigger_execution_ms) AS batch_duration_ms,
    durations.trigger_execution_ms,
    durations.add_batch_ms,
    durations.get_batch_ms,
    durations.latest_offset_ms,
    durations.query_planning_ms,
    durations.wal_commit_ms,
    durations.commit_offsets_ms,
    coalesce(sources.num_input_rows, 0) AS num_input_rows,
    sources.input_rows_per_second,
    sources.processed_rows_per_second,
    batches.num_output_rows,
    states.state_rows_total,
    states.state_rows_updated,
    states.state_rows_dropped_by_watermark,
    states.state_memory_bytes,
    batches.event_time_min,
    batches.event_time_avg,
    batches.event_time_max,
    batches.watermark,
    batches.sink
FROM lake.streaming_events AS batches
LEFT JOIN durations
    ON durations.app_id = batches.app_id
    AND durations.attempt_id = batches.attempt_id
    AND durations.segment = batches.segment
    AND durations.line = batches.line
LEFT JOIN sources
    ON sources.app_id = batches.app_id
    AND sources.attempt_id = batches.attempt_id
    AND sources.segment = batches.segment
    AND sources.line = batches.line
LEFT JOIN states
    ON states.app_id = batches.app_id
    AND states.attempt_id = batches.attempt_id
    AND states.segment = batches.segment
    AND states.line = batches.line
WHERE batches.event = 'StreamingQueryListener$QueryProgressEvent'
