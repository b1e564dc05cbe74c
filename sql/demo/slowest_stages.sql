-- A row is one of the five stage attempts that took longest. Skew is how many times longer the
-- longest task took than the median one.
WITH shapes AS (
    SELECT
        app_id,
        coalesce(attempt_id, '') AS attempt,
        stage_id,
        stage_attempt_id,
        max(duration_ms) AS longest_ms,
        median(duration_ms) AS median_ms
    FROM tasks
    WHERE status = 'SUCCESS'
    GROUP BY app_id, coalesce(attempt_id, ''), stage_id, stage_attempt_id
)
SELECT
    a.app_name AS application,
    concat(s.stage_id, '.', s.stage_attempt_id) AS stage,
    s.name,
    CAST(s.completion_time AS BIGINT) - CAST(s.submission_time AS BIGINT) AS duration_ms,
    s.num_tasks AS tasks,
    s.memory_bytes_spilled AS spilled_memory_bytes,
    s.disk_bytes_spilled AS spilled_disk_bytes,
    round(shapes.longest_ms / greatest(shapes.median_ms, 1.0), 1) AS skew
FROM stages AS s
JOIN applications AS a
    ON a.app_id = s.app_id AND coalesce(a.attempt_id, '') = coalesce(s.attempt_id, '')
LEFT JOIN shapes
    ON shapes.app_id = s.app_id
    AND shapes.attempt = coalesce(s.attempt_id, '')
    AND shapes.stage_id = s.stage_id
    AND shapes.stage_attempt_id = s.stage_attempt_id
WHERE s.completion_time IS NOT NULL AND s.submission_time IS NOT NULL
ORDER BY duration_ms DESC, application, stage
LIMIT 5
