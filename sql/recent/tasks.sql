-- A row is how many task attempts of a recent application have a status.
SELECT app_id, attempt_id, status, count(*) AS tasks
FROM tasks
WHERE array_has($app_ids, app_id)
GROUP BY app_id, attempt_id, status
