-- A row is an attempt of such an application that had an event within the window, or has not ended and
-- was not lost before it.
SELECT applications.*
FROM applications
CROSS JOIN thresholds
WHERE thresholds.name = 'lost_after'
    AND array_has($app_ids, applications.app_id)
    AND (applications.last_event_time >= now() - $window
        OR applications.status IN ('running', 'lost')
            AND applications.last_event_time >= now() - $window - CAST(
                concat(CAST(least(thresholds.value, 315360000) AS BIGINT), ' seconds') AS INTERVAL))
