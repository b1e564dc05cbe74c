-- A row is an application attempt, the oldest first, and how far it is. Failures are failed jobs,
-- stages and tasks.
WITH job_totals AS (
    SELECT
        app_id,
        coalesce(attempt_id, '') AS attempt,
        count(*) FILTER (WHERE status <> 'RUNNING') AS done,
        count(*) FILTER (WHERE status = 'FAILED') AS failed
    FROM jobs
    GROUP BY app_id, coalesce(attempt_id, '')
),
stage_totals AS (
    SELECT
        app_id,
        coalesce(attempt_id, '') AS attempt,
        count(*) FILTER (WHERE status IN ('COMPLETE', 'FAILED')) AS done,
        count(*) FILTER (WHERE status = 'FAILED') AS failed,
        sum(num_complete_tasks + num_failed_tasks + num_killed_tasks) AS tasks,
        sum(num_failed_tasks) AS failed_tasks,
        sum(disk_bytes_spilled) AS spilled_bytes
    FROM stages
    GROUP BY app_id, coalesce(attempt_id, '')
)
SELECT
    coalesce(a.app_name, a.app_id) AS application,
    a.status,
    coalesce(j.done, 0) AS jobs_done,
    coalesce(s.done, 0) AS stages_done,
    coalesce(s.tasks, 0) AS tasks_done,
    coalesce(s.spilled_bytes, 0) AS spilled_bytes,
    coalesce(j.failed, 0) + coalesce(s.failed, 0) + coalesce(s.failed_tasks, 0) AS failures
FROM applications AS a
LEFT JOIN job_totals AS j
    ON j.app_id = a.app_id AND j.attempt = coalesce(a.attempt_id, '')
LEFT JOIN stage_totals AS s
    ON s.app_id = a.app_id AND s.attempt = coalesce(a.attempt_id, '')
ORDER BY a.start_time, application
