-- A row is an application attempt of which anything has been ingested; attempt_id is '' where
-- Spark gives none, as in the fact tables. Other views take "the last we have heard of it" here.
-- segments_key says which segments it is made of: another number for others.
SELECT
    app_id,
    attempt_id,
    max(last_event_time) AS last_event_time,
    sum(events) AS num_events,
    bit_xor(key) AS segments_key
FROM known.standings
WHERE state = 'counted' AND events > 0
GROUP BY app_id, attempt_id
