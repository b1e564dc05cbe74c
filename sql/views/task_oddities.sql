-- A row is an ended task that its stage and its jobs do not count like any other. Few are, and only
-- for them `stages` and `jobs` look closer.
--   is_orphan: the log does not have its start, so that its metrics count nowhere
--   is_repeated: its index may have succeeded before, so that indices are not tasks
-- Spark: AppStatusListener.onTaskEnd (liveTasks, completedIndices).
--
-- shared
WITH retried AS (
    -- Of two successes of an index, one is of a later attempt of the task or of the stage.
    SELECT DISTINCT ends.app_id, ends.attempt_id, ends.stage_id, ends.task_index
    FROM stage_totals AS stages
    JOIN lake.task_ends AS ends
        ON ends.app_id = stages.app_id
        AND ends.attempt_id = stages.attempt_id
        AND ends.stage_id = stages.stage_id
        AND ends.stage_attempt_id = stages.stage_attempt_id
    WHERE stages.num_retried > 0
        AND ends.end_reason = 'Success'
        AND (ends.task_attempt > 0 OR ends.stage_attempt_id > 0)
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
    SELECT app_id, attempt_id, task_id, true AS is_orphan, false AS is_repeated
    FROM unmatched_tasks
    WHERE NOT is_unfinished
    UNION ALL
    SELECT app_id, attempt_id, task_id, false, true
    FROM repeated
)
SELECT
    app_id,
    attempt_id,
    task_id,
    bool_or(is_orphan) AS is_orphan,
    bool_or(is_repeated) AS is_repeated
FROM odd
GROUP BY app_id, attempt_id, task_id
