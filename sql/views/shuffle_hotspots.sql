-- A row is a stage attempt that reads or writes much of shuffles, and how it does: how long its
-- tasks wait for blocks, what comes from other executors, and what a task has to read.
-- `partition_size` compares what a task reads in the mean (of the tasks that succeeded) with common
-- advice, 100 to 200 MiB for each shuffle partition (a rule of thumb of tuning guides; Spark's own
-- target when it merges small ones, spark.sql.adaptive.advisoryPartitionSizeInBytes, is 64 MiB):
-- `small`, `large` or `good`, NULL where nothing is read.
-- Spark: ShuffleReadMetrics, ShuffleWriteMetrics, as in `stages`. Fetch wait is part of the time
-- that tasks run.
WITH measured AS (
    SELECT
        *,
        CAST(shuffle_read_bytes AS DOUBLE)
            / NULLIF(CASE WHEN shuffle_read_bytes > 0 THEN num_complete_tasks END, 0)
            AS shuffle_read_bytes_per_task
    FROM stages
    WHERE greatest(shuffle_read_bytes, shuffle_write_bytes) >= (
        SELECT value FROM thresholds WHERE name = 'shuffle_min_bytes')
)
SELECT
    app_id,
    attempt_id,
    stage_id,
    stage_attempt_id,
    name,
    status,
    num_complete_tasks,
    executor_run_time_ms,
    shuffle_read_bytes,
    shuffle_read_records,
    CAST(shuffle_remote_bytes_read AS DOUBLE) / NULLIF(shuffle_read_bytes, 0) AS remote_share,
    CAST(shuffle_fetch_wait_time_ms AS DOUBLE) / NULLIF(executor_run_time_ms, 0)
        AS fetch_wait_share,
    shuffle_read_bytes_per_task,
    CASE
        WHEN shuffle_read_bytes_per_task < (
            SELECT value FROM thresholds WHERE name = 'shuffle_partition_min_bytes')
            THEN 'small'
        WHEN shuffle_read_bytes_per_task > (
            SELECT value FROM thresholds WHERE name = 'shuffle_partition_max_bytes')
            THEN 'large'
        WHEN shuffle_read_bytes_per_task IS NOT NULL THEN 'good'
    END AS partition_size,
    shuffle_write_bytes,
    shuffle_write_records,
    shuffle_write_time_ns / 1e6 / NULLIF(executor_run_time_ms, 0) AS shuffle_write_share
FROM measured
