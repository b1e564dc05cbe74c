-- A row is how many failures of a kind an application attempt has for a class of causes.
SELECT
    app_id,
    coalesce(attempt_id, '') AS attempt_id,
    kind,
    cause_class,
    count(*) AS failures
FROM failures
WHERE array_has($app_ids, app_id)
GROUP BY app_id, attempt_id, kind, cause_class
