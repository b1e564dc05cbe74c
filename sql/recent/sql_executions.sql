-- A row is how many SQL executions of a recent application have a status.
SELECT app_id, attempt_id, status, count(*) AS sql_executions
FROM sql_executions
WHERE array_has($app_ids, app_id)
GROUP BY app_id, attempt_id, status
