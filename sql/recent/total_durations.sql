-- A row is how many stage attempts, jobs, SQL executions or applications of all applications of a name
-- have ended and lasted for a bound at most, and how long all that have ended lasted together.
WITH durations AS (
    SELECT
        cluster_name,
        namespace,
        app_name,
        'stage' AS kind,
        stage_durations AS durations,
        stage_duration_ms AS duration_ms
    FROM live.application_totals
    WHERE stage_durations IS NOT NULL AND app_name IS NOT NULL
    UNION ALL
    SELECT cluster_name, namespace, app_name, 'job', job_durations, job_duration_ms
    FROM live.application_totals
    WHERE job_durations IS NOT NULL AND app_name IS NOT NULL
    UNION ALL
    SELECT
        cluster_name,
        namespace,
        app_name,
        'sql_execution',
        sql_execution_durations,
        sql_execution_duration_ms
    FROM live.application_totals
    WHERE sql_execution_durations IS NOT NULL AND app_name IS NOT NULL
)
SELECT
    durations.cluster_name AS cluster,
    durations.namespace,
    durations.app_name,
    durations.kind,
    bounds.le_s,
    sum(durations.durations[bounds.bound]) AS ended,
    sum(durations.duration_ms) AS duration_ms
FROM durations
CROSS JOIN duration_bounds AS bounds
GROUP BY
    durations.cluster_name, durations.namespace, durations.app_name, durations.kind, bounds.le_s
UNION ALL
SELECT
    totals.cluster_name,
    totals.namespace,
    totals.app_name,
    'application',
    bounds.le_s,
    count(*) FILTER (WHERE totals.duration_ms <= bounds.le_ms),
    sum(totals.duration_ms)
FROM live.application_totals AS totals
CROSS JOIN duration_bounds AS bounds
WHERE totals.completed AND totals.app_name IS NOT NULL
GROUP BY totals.cluster_name, totals.namespace, totals.app_name, bounds.le_s
