-- A row is something that could be better about an application attempt or about one of its stage
-- attempts: the rule that found it, how bad it is (low, moderate, severe or critical), the numbers, and
-- what to change. severity_rank is 1 for low and 4 for critical, to sort by. stage_id and stage_attempt_id are NULL where it is not about a stage; value is the
-- number that was judged, in the unit that `thresholds` has for the rule.
-- The rules, their numbers and levels are those of Dr. Elephant, DataFlint and Compass:
-- findings_rules has for each whose it is; `--threshold RULE_SEVERITY=VALUE` sets a level. A level is
-- reached by what is equal to it, as in Dr. Elephant; the others want more.
WITH found AS (
    SELECT * FROM findings_of_stages
    UNION ALL
    SELECT * FROM findings_of_jobs
    UNION ALL
    SELECT * FROM findings_of_executors
    UNION ALL
    SELECT * FROM findings_of_settings
    UNION ALL
    SELECT * FROM findings_of_queries
),
judged AS (
    SELECT
        found.*,
        CASE
            WHEN NOT levels.is_below THEN
                CASE
                    WHEN found.value >= levels.critical THEN 'critical'
                    WHEN found.value >= levels.severe THEN 'severe'
                    WHEN found.value >= levels.moderate THEN 'moderate'
                    WHEN found.value >= levels.low THEN 'low'
                END
            WHEN found.value <= levels.critical THEN 'critical'
            WHEN found.value <= levels.severe THEN 'severe'
            WHEN found.value <= levels.moderate THEN 'moderate'
            WHEN found.value <= levels.low THEN 'low'
        END AS severity
    FROM found
    JOIN findings_levels AS levels
        ON levels.rule = found.rule
)
SELECT
    app_id,
    attempt_id,
    rule,
    severity,
    CASE severity WHEN 'low' THEN 1 WHEN 'moderate' THEN 2 WHEN 'severe' THEN 3 ELSE 4 END
        AS severity_rank,
    stage_id,
    stage_attempt_id,
    value,
    evidence,
    advice
FROM judged
WHERE severity IS NOT NULL
