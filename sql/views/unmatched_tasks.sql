-- A row is a task of which the log has only the start or only the end: is_unfinished says which.
-- Few are, so that `tasks` and `stages` need not join all starts with all ends. attempt_id is ''
-- where Spark gives none.
-- Spark: AppStatusListener.liveTasks.
WITH moves AS (
    SELECT app_id, attempt_id, stage_id, stage_attempt_id, task_id, 1 AS step
    FROM lake.task_starts
    UNION ALL
    SELECT app_id, attempt_id, stage_id, stage_attempt_id, task_id, -1
    FROM lake.task_ends
    WHERE end_reason IS DISTINCT FROM 'Resubmitted'
),
unbalanced AS (
    -- Where starts and ends are as many, and their ids have the same sum and sum of squares, they
    -- are taken to match.
    SELECT app_id, attempt_id, stage_id, stage_attempt_id
    FROM moves
    GROUP BY app_id, attempt_id, stage_id, stage_attempt_id
    HAVING sum(step) <> 0
        OR sum(step * task_id) <> 0
        OR sum(step * (task_id * task_id % 1000003)) <> 0
)
SELECT
    moves.app_id,
    moves.attempt_id,
    moves.task_id,
    sum(moves.step) > 0 AS is_unfinished
FROM unbalanced
JOIN moves
    ON moves.app_id = unbalanced.app_id
    AND moves.attempt_id = unbalanced.attempt_id
    AND moves.stage_id = unbalanced.stage_id
    AND moves.stage_attempt_id = unbalanced.stage_attempt_id
GROUP BY moves.app_id, moves.attempt_id, moves.task_id
HAVING sum(moves.step) <> 0
