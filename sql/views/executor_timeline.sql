-- A row is a span of time in which the number of running tasks of an executor stays the same.
-- The last step has no end: no task runs any more (0), or some do to the end of what is known.
-- Tasks that begin and end in the same millisecond make no step. Spark hands out the next task a
-- moment before it takes note of the end of the one before, so that for some milliseconds there may
-- be more tasks than cores.
-- Spark: TaskInfo's launch and finish times, as in `tasks`. The steps are ours.
WITH moves AS (
    SELECT
        app_id,
        attempt_id,
        executor_id,
        launch_time AS time,
        1 AS step
    FROM tasks
    UNION ALL
    SELECT
        app_id,
        attempt_id,
        executor_id,
        finish_time,
        -1
    FROM tasks
    WHERE finish_time IS NOT NULL
),
steps AS (
    SELECT
        app_id,
        attempt_id,
        executor_id,
        time,
        sum(step) AS step
    FROM moves
    GROUP BY app_id, attempt_id, executor_id, time
    HAVING sum(step) <> 0
)
SELECT
    app_id,
    attempt_id,
    executor_id,
    time,
    lead(time) OVER (
        PARTITION BY app_id, attempt_id, executor_id
        ORDER BY time
    ) AS until,
    sum(step) OVER (
        PARTITION BY app_id, attempt_id, executor_id
        ORDER BY time
    ) AS running_tasks
FROM steps
