-- A row is what a batch of a streaming query read of one source.
-- Spark: SourceProgress.
SELECT
    app_id,
    NULLIF(attempt_id, '') AS attempt_id,
    query_id,
    run_id,
    batch_id,
    description,
    start_offset,
    end_offset,
    latest_offset,
    num_input_rows,
    input_rows_per_second,
    processed_rows_per_second,
    metrics
FROM lake.streaming_sources
