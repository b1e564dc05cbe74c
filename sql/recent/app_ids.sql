-- A row is an application that had an event within the window, or that has not ended and was not lost
-- before it: `$app_ids` in all that comes after.
SELECT DISTINCT attempts.app_id
FROM attempts
LEFT JOIN live.application_totals AS totals
    ON totals.app_id = attempts.app_id AND totals.attempt_id = attempts.attempt_id
CROSS JOIN thresholds
WHERE thresholds.name = 'lost_after'
    AND (attempts.last_event_time >= now() - $window
        OR totals.completed IS NOT TRUE
            -- More than ten years are as good as for ever.
            AND attempts.last_event_time >= now() - $window - CAST(
                concat(CAST(least(thresholds.value, 315360000) AS BIGINT), ' seconds') AS INTERVAL))
