-- A row is a reason for which jobs, stages or tasks of an application failed, and how often.
WITH failures AS (
    SELECT app_id, attempt_id, 'stage' AS what, failure_reason AS reason
    FROM stages
    WHERE status = 'FAILED'
    UNION ALL
    SELECT app_id, attempt_id, 'task' AS what, error_message AS reason
    FROM tasks
    WHERE status = 'FAILED'
),
reasons AS (
    SELECT
        app_id,
        coalesce(attempt_id, '') AS attempt,
        what,
        trim(split_part(reason, chr(10), 1)) AS why
    FROM failures
)
SELECT a.app_name AS application, reasons.what, count(*) AS times, reasons.why
FROM reasons
JOIN applications AS a
    ON a.app_id = reasons.app_id AND coalesce(a.attempt_id, '') = reasons.attempt
GROUP BY a.app_name, reasons.what, reasons.why
ORDER BY application, reasons.what, times DESC, reasons.why
