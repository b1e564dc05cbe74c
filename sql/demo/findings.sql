-- A row is one of the worst findings.
SELECT
    a.app_name AS application,
    f.severity,
    f.rule,
    f.stage_id AS stage,
    f.evidence
FROM findings AS f
JOIN applications AS a
    ON a.app_id = f.app_id AND coalesce(a.attempt_id, '') = coalesce(f.attempt_id, '')
WHERE f.rule NOT IN ('stage_failed', 'job_failures', 'stage_failures')
ORDER BY f.severity_rank DESC, application, f.rule, stage
LIMIT 8
