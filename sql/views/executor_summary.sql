-- A row is an executor, the driver included, for reading: from when to when it was there, how its
-- tasks ended, and how much of its time they took.
--   task_share: the tasks' durations over the time that it was there, times the tasks that it
--     can run at once. Of the driver it is not known: its total_duration_ms is its application's.
--   gc_share: collections over total_duration_ms, which Spark's executors page paints red
--     from 0.1 on
-- Spark: what `executors` has; the shares are ours.
WITH timed AS (
    SELECT
        executors.*,
        applications.app_name,
        -- One that was not removed is there until the application ends, or as long as we have heard
        -- of it.
        CAST(
            coalesce(
                executors.remove_time, applications.end_time, applications.last_event_time)
            AS BIGINT
        ) - CAST(executors.add_time AS BIGINT) AS lifetime_ms
    FROM executors
    JOIN applications
        ON applications.app_id = executors.app_id
        AND coalesce(applications.attempt_id, '') = coalesce(executors.attempt_id, '')
)
SELECT
    app_id,
    attempt_id,
    app_name,
    executor_id,
    host_port,
    is_active,
    add_time,
    remove_time,
    remove_reason,
    lifetime_ms,
    total_cores,
    max_tasks,
    total_tasks,
    active_tasks,
    completed_tasks,
    failed_tasks,
    total_duration_ms,
    CASE WHEN executor_id <> 'driver'
        THEN CAST(total_duration_ms AS DOUBLE) / NULLIF(lifetime_ms * max_tasks, 0)
    END AS task_share,
    total_gc_time_ms,
    CAST(total_gc_time_ms AS DOUBLE) / NULLIF(total_duration_ms, 0) AS gc_share,
    total_input_bytes,
    total_shuffle_read,
    total_shuffle_write
FROM timed
