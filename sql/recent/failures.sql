-- A row is how many failures of a kind a recent application has for a class of causes. That its driver
-- is lost is known at the time alone.
SELECT app_id, attempt_id, kind, cause_class, failures
FROM (
    SELECT
        app_id,
        NULLIF(attempt_id, '') AS attempt_id,
        split_part(failure, ':', 1) AS kind,
        split_part(failure, ':', 2) AS cause_class,
        CAST(split_part(failure, ':', 3) AS BIGINT) AS failures
    FROM (
        SELECT app_id, attempt_id, unnest(string_to_array(failures, ',')) AS failure
        FROM live.application_totals
        WHERE failures IS NOT NULL AND array_has($app_ids, app_id)
    )
)
UNION ALL
SELECT app_id, attempt_id, 'application', coalesce(failure_class(status_reason), 'other'), 1
FROM recent.deployments
WHERE status = 'lost'
