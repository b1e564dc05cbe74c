-- A row is a run of a streaming query.
-- Spark: StreamingQueryStatusListener, StreamingQueryUIData.
WITH runs AS (
    SELECT
        app_id,
        attempt_id,
        query_id,
        run_id,
        max(name) AS name,
        min(time) FILTER (WHERE event = 'StreamingQueryListener$QueryStartedEvent') AS start_time,
        max(time) FILTER (WHERE event = 'StreamingQueryListener$QueryProgressEvent')
            AS last_progress_time,
        count(*) FILTER (WHERE event = 'StreamingQueryListener$QueryProgressEvent') AS num_batches,
        max(batch_id) AS last_batch_id,
        max(watermark) AS watermark,
        count(*) FILTER (WHERE event = 'StreamingQueryListener$QueryTerminatedEvent') > 0
            AS is_terminated,
        max(exception) AS exception,
        max(error_class) AS error_class
    FROM lake.streaming_events
    GROUP BY app_id, attempt_id, query_id, run_id
),
read AS (
    SELECT app_id, attempt_id, run_id, sum(num_input_rows) AS num_input_rows
    FROM lake.streaming_sources
    GROUP BY app_id, attempt_id, run_id
)
SELECT
    runs.app_id,
    NULLIF(runs.attempt_id, '') AS attempt_id,
    runs.query_id,
    runs.run_id,
    runs.name,
    CASE
        WHEN NOT runs.is_terminated THEN 'RUNNING'
        WHEN runs.exception IS NULL THEN 'FINISHED'
        ELSE 'FAILED'
    END AS status,
    runs.start_time,
    -- The event of its end has no time.
    runs.last_progress_time,
    runs.num_batches,
    runs.last_batch_id,
    coalesce(read.num_input_rows, 0) AS num_input_rows,
    runs.watermark,
    runs.exception,
    runs.error_class
FROM runs
LEFT JOIN read
    ON read.app_id = runs.app_id
    AND read.attempt_id = runs.attempt_id
    AND read.run_id = runs.run_id
