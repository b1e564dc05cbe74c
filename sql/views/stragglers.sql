-- A row is a task attempt that lasts, or has lasted, for much longer than the tasks of its stage
-- attempt that succeeded, though it has not had more to read: one of which Spark would start
-- another copy, if spark.speculation is on.
-- Spark: TaskSetManager.checkSpeculatableTasks. Once a share of the tasks has succeeded
-- (straggler_quantile), a task is slow that lasts for longer than a multiple of their median
-- (straggler_multiplier) and than straggler_min_duration. Since Spark 3.4 it leaves alone those of
-- them that read records as fast as the others (TaskProcessRateCalculator, SPARK-32170).
-- Three things differ. Spark looks while the tasks run; here all that have succeeded in the end
-- count. Spark takes a task that lasts for twice as long as all that even if it reads fast: that is
-- skew of the data, and in the view `skew`. A task of which records are not known is here, too: one
-- that runs, has failed or was killed (see `tasks`).
WITH succeeded AS (
    SELECT
        app_id,
        attempt_id,
        stage_id,
        stage_attempt_id,
        count(*) AS num_succeeded,
        sorted_values(coalesce(duration_ms, 0)) AS durations_ms,
        sum(executor_run_time_ms) AS run_time_ms,
        sum(input_records + shuffle_read_records) AS records_read
    FROM tasks
    WHERE status = 'SUCCESS'
    GROUP BY app_id, attempt_id, stage_id, stage_attempt_id
),
judged AS (
    SELECT
        succeeded.app_id,
        succeeded.attempt_id,
        succeeded.stage_id,
        succeeded.stage_attempt_id,
        succeeded.run_time_ms,
        succeeded.records_read,
        succeeded.durations_ms[succeeded.num_succeeded / 2 + 1] AS median_duration_ms
    FROM succeeded
    JOIN stage_lives AS lives
        ON lives.app_id = succeeded.app_id
        AND lives.attempt_id = coalesce(succeeded.attempt_id, '')
        AND lives.stage_id = succeeded.stage_id
        AND lives.stage_attempt_id = succeeded.stage_attempt_id
    WHERE lives.is_last
        AND lives.num_tasks > 1
        AND succeeded.num_succeeded >= greatest(1, floor(lives.num_tasks * (
            SELECT value FROM thresholds WHERE name = 'straggler_quantile')))
),
compared AS (
    SELECT
        tasks.*,
        judged.median_duration_ms,
        judged.run_time_ms AS all_run_time_ms,
        judged.records_read AS all_records_read,
        CASE WHEN tasks.status = 'SUCCESS'
            THEN tasks.input_records + tasks.shuffle_read_records END AS records_read
    FROM judged
    JOIN tasks
        ON tasks.app_id = judged.app_id
        AND coalesce(tasks.attempt_id, '') = coalesce(judged.attempt_id, '')
        AND tasks.stage_id = judged.stage_id
        AND tasks.stage_attempt_id = judged.stage_attempt_id
    WHERE tasks.duration_ms > judged.median_duration_ms * (
            SELECT value FROM thresholds WHERE name = 'straggler_multiplier')
        AND tasks.duration_ms > 1000 * (
            SELECT value FROM thresholds WHERE name = 'straggler_min_duration')
),
rated AS (
    SELECT
        *,
        1000.0 * records_read / NULLIF(executor_run_time_ms, 0) AS records_per_second,
        -- A task that has succeeded is one of all, and not compared with itself.
        1000.0 * NULLIF(all_records_read - coalesce(records_read, 0), 0)
            / NULLIF(
                all_run_time_ms
                - CASE WHEN status = 'SUCCESS' THEN executor_run_time_ms ELSE 0 END, 0)
            AS others_records_per_second
    FROM compared
)
SELECT
    app_id,
    attempt_id,
    stage_id,
    stage_attempt_id,
    task_id,
    task_index,
    task_attempt,
    status,
    speculative,
    executor_id,
    host,
    launch_time,
    duration_ms,
    median_duration_ms,
    CAST(duration_ms AS DOUBLE) / NULLIF(median_duration_ms, 0) AS duration_ratio,
    executor_run_time_ms,
    scheduler_delay_ms,
    executor_deserialize_time_ms,
    jvm_gc_time_ms,
    shuffle_fetch_wait_time_ms,
    records_read,
    records_per_second,
    others_records_per_second
FROM rated
-- Without records to compare, a task has not had more of them.
WHERE coalesce(
        records_per_second < others_records_per_second * (
            SELECT value FROM thresholds WHERE name = 'slow_rate_ratio'),
        true)
