-- A row is how many failures of a kind a recent application has for a class of causes.
SELECT app_id, NULLIF(attempt_id, '') AS attempt_id, kind, cause_class, failures
FROM live.application_failures
WHERE array_has($app_ids, app_id)
