-- A row is a task that its stage and jobs do not count like any other. Few are; `stages` and `jobs`
-- use this instead of matching and comparing all the tasks there are.
--   is_orphan: the log has its end without its start, so that its metrics count nowhere
--   is_repeated: its index has succeeded more than once in the stage, so that indices are not tasks
-- Spark: AppStatusListener.onTaskEnd (liveTasks, completedIndices).
WITH unbalanced AS (
    -- Where starts and ends are as many and of the same ids, no start is missing.
    SELECT app_id, attempt_id, stage_id, stage_attempt_id
    FROM (
        SELECT app_id, attempt_id, stage_id, stage_attempt_id, task_id, 1 AS step
        FROM lake.task_starts
        UNION ALL
        SELECT app_id, attempt_id, stage_id, stage_attempt_id, task_id, -1
        FROM lake.task_ends
        WHERE end_reason IS DISTINCT FROM 'Resubmitted'
    ) AS moves
    GROUP BY app_id, attempt_id, stage_id, stage_attempt_id
    HAVING sum(step) <> 0 OR sum(step * task_id) <> 0
),
orphans AS (
    SELECT ends.app_id, ends.attempt_id, ends.task_id
    FROM unbalanced
    JOIN lake.task_ends AS ends
        ON ends.app_id = unbalanced.app_id
        AND ends.attempt_id = unbalanced.attempt_id
        AND ends.stage_id = unbalanced.stage_id
        AND ends.stage_attempt_id = unbalanced.stage_attempt_id
    LEFT JOIN lake.task_starts AS starts
        ON starts.app_id = ends.app_id
        AND starts.attempt_id = ends.attempt_id
        AND starts.task_id = ends.task_id
    WHERE starts.task_id IS NULL
),
retried AS (
    -- Of two successes of an index, one is of a later attempt of the task or of the stage.
    SELECT DISTINCT app_id, attempt_id, stage_id, task_index
    FROM lake.task_ends
    WHERE end_reason = 'Success' AND (task_attempt > 0 OR stage_attempt_id > 0)
),
repeated AS (
    SELECT ends.app_id, ends.attempt_id, ends.task_id
    FROM retried
    JOIN lake.task_ends AS ends
        ON ends.app_id = retried.app_id
        AND ends.attempt_id = retried.attempt_id
        AND ends.stage_id = retried.stage_id
        AND ends.task_index = retried.task_index
    WHERE ends.end_reason = 'Success'
),
odd AS (
    SELECT app_id, attempt_id, task_id, true AS is_orphan, false AS is_repeated FROM orphans
    UNION ALL
    SELECT app_id, attempt_id, task_id, false, true FROM repeated
)
SELECT
    app_id,
    attempt_id,
    task_id,
    bool_or(is_orphan) AS is_orphan,
    bool_or(is_repeated) AS is_repeated
FROM odd
GROUP BY app_id, attempt_id, task_id
