-- A row is a stage attempt of which a large share of the tasks' durations is scheduler delay: what
-- is left of a task when it has not been deserialised, run, or its result serialised or fetched.
-- The driver is too busy to start tasks and take their results, or there are many short tasks.
-- Spark: AppStatusUtils.schedulerDelay, as in `tasks`, of the tasks that succeeded: a running task
-- has none yet, and of one that was lost with its executor all would be delay, for it has no
-- metrics. The share from which on it is told of is ours.
WITH added AS (
    SELECT
        app_id,
        attempt_id,
        stage_id,
        stage_attempt_id,
        count(*) AS num_complete_tasks,
        sum(duration_ms) AS task_duration_ms,
        sum(scheduler_delay_ms) AS scheduler_delay_ms,
        max(scheduler_delay_ms) AS max_scheduler_delay_ms
    FROM tasks
    WHERE status = 'SUCCESS'
    GROUP BY app_id, attempt_id, stage_id, stage_attempt_id
)
SELECT
    *,
    CAST(scheduler_delay_ms AS DOUBLE) / task_duration_ms AS scheduler_delay_share
FROM added
WHERE scheduler_delay_ms >= 1000 * (
        SELECT value FROM thresholds WHERE name = 'scheduler_delay_min_duration')
    AND scheduler_delay_ms > task_duration_ms * (
        SELECT value FROM thresholds WHERE name = 'scheduler_delay_ratio')
