-- A row is an application attempt of which anything has been ingested; attempt_id is '' where
-- Spark gives none, as in the fact tables. Other views take "the last we have heard of it" here.
--
-- shared
WITH facts AS (
    SELECT app_id, attempt_id, time FROM lake.application_events
    UNION ALL
    SELECT app_id, attempt_id, time FROM lake.job_events
    UNION ALL
    SELECT app_id, attempt_id, greatest(submission_time, completion_time) FROM lake.stage_events
    UNION ALL
    SELECT app_id, attempt_id, time FROM lake.executor_events
    UNION ALL
    SELECT
        app_id,
        attempt_id,
        greatest(last_launch_time, last_ended_launch_time, last_finish_time)
    FROM lake.stage_sums
    UNION ALL
    SELECT app_id, attempt_id, time FROM lake.sql_events
    UNION ALL
    SELECT app_id, attempt_id, time FROM lake.streaming_events
    UNION ALL
    -- Other tables know of no time; the ledger knows of every attempt.
    SELECT app_id, coalesce(attempt_id, ''), NULL FROM sources WHERE events > 0
)
SELECT app_id, attempt_id, max(time) AS last_event_time
FROM facts
GROUP BY app_id, attempt_id
