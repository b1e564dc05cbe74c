-- A row is an attempt of a recent application, and how long the runs of the same name before it lasted
-- that succeeded: the median of the last `regression_max_runs`, where there are
-- `regression_min_runs`, and whether this one lasts much longer, as view `regressions` judges durations.
WITH limits AS (
    SELECT
        CAST(max(value) FILTER (WHERE name = 'regression_min_runs') AS BIGINT) AS min_runs,
        CAST(max(value) FILTER (WHERE name = 'regression_max_runs') AS BIGINT) AS max_runs,
        max(value) FILTER (WHERE name = 'regression_ratio') AS min_ratio,
        max(value) FILTER (WHERE name = 'regression_min_difference') * 1000 AS min_ms,
        max(value) FILTER (WHERE name = 'regression_z_score') AS min_z_score
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
),
compared AS (
    SELECT
        before.app_id,
        before.attempt_id,
        before.cluster_name,
        before.namespace,
        before.app_name,
        before.duration_ms,
        count(*) AS num_runs,
        median(CAST(runs.duration_ms AS DOUBLE)) AS median_duration_ms,
        array_agg(runs.duration_ms) AS earlier_duration_ms
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
),
distances AS (
    SELECT
        app_id,
        attempt_id,
        cluster_name,
        namespace,
        app_name,
        duration_ms,
        num_runs,
        median_duration_ms,
        median(abs(earlier_ms - median_duration_ms)) AS mad_ms
    FROM (SELECT *, unnest(earlier_duration_ms) AS earlier_ms FROM compared) AS each_run
    GROUP BY
        app_id, attempt_id, cluster_name, namespace, app_name, duration_ms, num_runs,
        median_duration_ms
)
SELECT
    distances.app_id,
    NULLIF(distances.attempt_id, '') AS attempt_id,
    NULLIF(distances.cluster_name, '') AS cluster,
    NULLIF(distances.namespace, '') AS namespace,
    distances.app_name,
    distances.duration_ms,
    distances.num_runs,
    distances.median_duration_ms,
    distances.duration_ms > distances.median_duration_ms * limits.min_ratio
        AND distances.duration_ms - distances.median_duration_ms > limits.min_ms
        AND (distances.mad_ms = 0
            OR 0.6745 * (distances.duration_ms - distances.median_duration_ms) / distances.mad_ms
                > limits.min_z_score) AS has_regressed
FROM distances
CROSS JOIN limits
WHERE distances.num_runs >= limits.min_runs
