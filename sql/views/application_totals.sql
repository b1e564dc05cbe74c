-- A row is what an application attempt adds up to, as of when `maintain` rolled it up last. is_current
-- says whether that is all that the lake has of it.
--
-- The durations are lists: how many stage attempts, jobs, SQL executions that have ended lasted at
-- most as long as each of the `duration_bounds`. So a quantile of them is, what is in each bucket being
-- the difference to the one before:
--   SELECT app_id, histogram_quantile(
--       0.95, le_s, stage_durations[bound] - coalesce(stage_durations[bound - 1], 0))
--   FROM application_totals CROSS JOIN duration_bounds GROUP BY app_id
SELECT
    totals.app_id,
    NULLIF(totals.attempt_id, '') AS attempt_id,
    attempts.segments_key IS NOT DISTINCT FROM totals.segments_key AS is_current,
    totals.* EXCEPT (app_id, attempt_id, segments_key, definition)
FROM lake.application_totals AS totals
LEFT JOIN attempts
    ON attempts.app_id = totals.app_id AND attempts.attempt_id = totals.attempt_id
