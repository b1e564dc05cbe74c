-- A row is an application attempt, newest first.
WITH totals AS (
    SELECT
        app_id,
        coalesce(attempt_id, '') AS attempt,
        count(*) FILTER (WHERE status <> 'SKIPPED') AS stages,
        sum(num_complete_tasks + num_failed_tasks + num_killed_tasks) AS tasks,
        sum(disk_bytes_spilled) AS spilled_bytes
    FROM stages
    GROUP BY app_id, coalesce(attempt_id, '')
)
SELECT
    a.app_name AS application,
    a.app_spark_version AS spark,
    a.status,
    a.start_time AS started,
    a.duration_ms,
    coalesce(t.stages, 0) AS stages,
    coalesce(t.tasks, 0) AS tasks,
    coalesce(t.spilled_bytes, 0) AS spilled_bytes
FROM applications AS a
LEFT JOIN totals AS t
    ON t.app_id = a.app_id AND t.attempt = coalesce(a.attempt_id, '')
ORDER BY a.start_time DESC
