-- A row is what an attempt of a recent application adds up to, as the rollup has it.
SELECT
    * EXCEPT (attempt_id),
    NULLIF(attempt_id, '') AS attempt_id,
    cluster_name AS cluster
FROM live.application_totals
WHERE array_has($app_ids, app_id)
