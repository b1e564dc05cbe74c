-- A row is a stage attempt of which the log has tasks: how many of them are active, where the first
-- and the last of them moved, and whether starts and ends are of the same tasks. attempt_id is ''
-- where Spark gives none.
-- Spark: LiveStage.activeTasks, AppStatusListener.onTaskStart, onTaskEnd.
--
-- shared
--
-- A position is segment * 10^11 + line: one number that orders the events of an attempt.
WITH moves AS (
    SELECT
        app_id,
        attempt_id,
        stage_id,
        stage_attempt_id,
        segment * 100000000000 + line AS position,
        task_id,
        1 AS step,
        launch_time
    FROM lake.task_starts
    UNION ALL
    -- A resubmitted task has ended before: it is not active a second time (SPARK-41187).
    SELECT
        app_id,
        attempt_id,
        stage_id,
        stage_attempt_id,
        segment * 100000000000 + line,
        task_id,
        -1,
        NULL
    FROM lake.task_ends
    WHERE end_reason IS DISTINCT FROM 'Resubmitted'
)
SELECT
    app_id,
    attempt_id,
    stage_id,
    stage_attempt_id,
    sum(step) AS active,
    min(position) AS first_move_at,
    max(position) AS last_move_at,
    min(launch_time) AS first_launch_time,
    -- Where starts and ends are as many, and their ids have the same sum and sum of squares, they
    -- are taken to match.
    sum(step) = 0
        AND sum(step * task_id) = 0
        AND sum(step * (task_id * task_id % 1000003)) = 0 AS is_matched
FROM moves
GROUP BY app_id, attempt_id, stage_id, stage_attempt_id
