-- A row is how many jobs of a recent application have a status.
SELECT app_id, attempt_id, status, count(*) AS jobs
FROM jobs
WHERE array_has($app_ids, app_id)
GROUP BY app_id, attempt_id, status
