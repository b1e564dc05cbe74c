-- A row is how many task attempts of a recent application have a status. Where starts and ends of a
-- stage attempt match, they are what its tasks add up to.
WITH totals AS (
    SELECT * FROM stage_totals WHERE array_has($app_ids, app_id)
),
counted AS (
    SELECT
        app_id,
        attempt_id,
        'SUCCESS' AS status,
        num_finished - num_flagged_failed - num_flagged_killed AS tasks
    FROM totals
    WHERE is_matched
    UNION ALL
    SELECT app_id, attempt_id, 'FAILED', num_flagged_failed FROM totals WHERE is_matched
    UNION ALL
    SELECT app_id, attempt_id, 'KILLED', num_flagged_killed FROM totals WHERE is_matched
    UNION ALL
    SELECT tasks.app_id, totals.attempt_id, tasks.status, count(*)
    FROM totals
    JOIN tasks
        ON tasks.app_id = totals.app_id
        AND coalesce(tasks.attempt_id, '') = totals.attempt_id
        AND tasks.stage_id = totals.stage_id
        AND tasks.stage_attempt_id = totals.stage_attempt_id
    -- Without this, tasks of all applications would be looked through.
    WHERE NOT totals.is_matched AND array_has($app_ids, tasks.app_id)
    GROUP BY tasks.app_id, totals.attempt_id, tasks.status
)
SELECT app_id, NULLIF(attempt_id, '') AS attempt_id, status, sum(tasks) AS tasks
FROM counted
GROUP BY app_id, attempt_id, status
HAVING sum(tasks) > 0
