-- A row is an application attempt of which anything has been ingested; attempt_id is '' where
-- Spark gives none, as in the fact tables. Other views take "the last we have heard of it" here.
SELECT app_id, attempt_id, max(last_event_time) AS last_event_time
FROM known.standings
WHERE state = 'counted' AND has_events
GROUP BY app_id, attempt_id
