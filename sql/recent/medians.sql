-- A row is an attempt of a recent application, and how long the runs of the same name before it lasted
-- that succeeded: the median of the last `regression_max_runs`, where there are
-- `regression_min_runs`.
WITH limits AS (
    SELECT
        CAST(max(value) FILTER (WHERE name = 'regression_min_runs') AS BIGINT) AS min_runs,
        CAST(max(value) FILTER (WHERE name = 'regression_max_runs') AS BIGINT) AS max_runs
    FROM thresholds
),
numbered AS (
    SELECT
        app_id,
        attempt_id,
        coalesce(cluster_name, '') AS cluster_name,
        coalesce(namespace, '') AS namespace,
        app_name,
        duration_ms,
        completed AND coalesce(exit_code, 0) = 0 AS has_succeeded,
        -- How many of those before have succeeded.
        count(*) FILTER (WHERE completed AND coalesce(exit_code, 0) = 0) OVER (
            PARTITION BY cluster_name, namespace, app_name
            ORDER BY start_time, app_id, attempt_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS num_before
    FROM live.application_totals
    WHERE app_name IS NOT NULL AND start_time IS NOT NULL
),
before AS (
    SELECT
        recent.app_id,
        recent.attempt_id,
        recent.cluster_name,
        recent.namespace,
        recent.app_name,
        recent.duration_ms,
        recent.num_before - back.n AS num_before
    FROM numbered AS recent
    CROSS JOIN (SELECT unnest(range(1, max_runs + 1)) AS n FROM limits) AS back
    WHERE array_has($app_ids, recent.app_id) AND recent.num_before >= back.n
)
SELECT
    before.app_id,
    NULLIF(before.attempt_id, '') AS attempt_id,
    NULLIF(before.cluster_name, '') AS cluster,
    NULLIF(before.namespace, '') AS namespace,
    before.app_name,
    before.duration_ms,
    count(*) AS num_runs,
    median(CAST(runs.duration_ms AS DOUBLE)) AS median_duration_ms
FROM before
JOIN numbered AS runs
    ON runs.cluster_name = before.cluster_name
    AND runs.namespace = before.namespace
    AND runs.app_name = before.app_name
    AND runs.num_before = before.num_before
    AND runs.has_succeeded
GROUP BY
    before.app_id, before.attempt_id, before.cluster_name, before.namespace, before.app_name,
    before.duration_ms
HAVING count(*) >= (SELECT min_runs FROM limits)
