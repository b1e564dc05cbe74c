-- A row is a task of which the log has only the start or only the end: is_unfinished says which.
-- Few are, so that `tasks` and `stages` need not join all starts with all ends. attempt_id is ''
-- where Spark gives none.
-- Spark: AppStatusListener.liveTasks.
--
-- shared
WITH moves AS (
    SELECT app_id, attempt_id, stage_id, stage_attempt_id, task_id, 1 AS step
    FROM lake.task_starts
    UNION ALL
    SELECT app_id, attempt_id, stage_id, stage_attempt_id, task_id, -1
    FROM lake.task_ends
    WHERE end_reason IS DISTINCT FROM 'Resubmitted'
)
SELECT
    moves.app_id,
    moves.attempt_id,
    moves.task_id,
    sum(moves.step) > 0 AS is_unfinished
FROM stage_totals AS stages
JOIN moves
    ON moves.app_id = stages.app_id
    AND moves.attempt_id = stages.attempt_id
    AND moves.stage_id = stages.stage_id
    AND moves.stage_attempt_id = stages.stage_attempt_id
WHERE NOT stages.is_matched
GROUP BY moves.app_id, moves.attempt_id, moves.task_id
HAVING sum(moves.step) <> 0
