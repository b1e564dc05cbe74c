-- A row is a stage attempt of which the slowest task has run for much longer than the median, with
-- that task, and what it has read compared with the others.
-- Dr. Elephant, StagesAnalyzer.checkForTaskSkew, and DataFlint, calculatePartitionSkew of its
-- MetricsReducer: the greatest executor run time of the tasks that succeeded over the median, where
-- the greatest is not too short to matter. Dr. Elephant also wants it to be 0.75 of the stage's
-- duration. The median is a value by rank, the History Server's and theirs (see task_quantiles): of
-- two tasks it is the greater, so that a stage of two is never skewed.
-- `cause` is told by the records that the task has read in each second that it ran, compared with
-- what the other tasks read together, as Spark decides whether another copy of a task would be any
-- faster (TaskSetManager.TaskProcessRateCalculator, SPARK-32170):
--   data: it has read as fast as the others, and so it has had more to read
--   task: it has read more slowly: its executor or host is slow, or its records are costly
--   NULL: the others have read nothing of which Spark counts the records
WITH stages AS (
    SELECT
        app_id,
        attempt_id,
        stage_id,
        stage_attempt_id,
        count(*) AS num_tasks,
        sorted_values(executor_run_time_ms) AS run_times_ms,
        sorted_values(shuffle_read_bytes) AS shuffle_read_bytes,
        sorted_values(input_bytes) AS input_bytes,
        sum(executor_run_time_ms) AS run_time_ms,
        sum(input_records + shuffle_read_records) AS records_read,
        first_value(
            named_struct(
                'task_id', task_id,
                'task_index', task_index,
                'executor_id', executor_id,
                'host', host,
                'run_time_ms', executor_run_time_ms,
                'shuffle_read_bytes', shuffle_read_bytes,
                'input_bytes', input_bytes,
                'records_read', input_records + shuffle_read_records)
            ORDER BY executor_run_time_ms DESC, task_id
        ) AS slowest
    FROM tasks
    WHERE status = 'SUCCESS'
    GROUP BY app_id, attempt_id, stage_id, stage_attempt_id
),
measured AS (
    SELECT
        app_id,
        attempt_id,
        stage_id,
        stage_attempt_id,
        num_tasks,
        run_times_ms[num_tasks / 2 + 1] AS median_run_time_ms,
        run_times_ms[-1] AS max_run_time_ms,
        shuffle_read_bytes[num_tasks / 2 + 1] AS median_shuffle_read_bytes,
        shuffle_read_bytes[-1] AS max_shuffle_read_bytes,
        input_bytes[num_tasks / 2 + 1] AS median_input_bytes,
        input_bytes[-1] AS max_input_bytes,
        slowest,
        1000.0 * slowest['records_read'] / NULLIF(slowest['run_time_ms'], 0) AS records_per_second,
        1000.0 * NULLIF(records_read - slowest['records_read'], 0)
            / NULLIF(run_time_ms - slowest['run_time_ms'], 0) AS others_records_per_second
    FROM stages
)
SELECT
    app_id,
    attempt_id,
    stage_id,
    stage_attempt_id,
    num_tasks AS num_complete_tasks,
    median_run_time_ms,
    max_run_time_ms,
    CAST(max_run_time_ms AS DOUBLE) / NULLIF(median_run_time_ms, 0) AS run_time_ratio,
    median_shuffle_read_bytes,
    max_shuffle_read_bytes,
    CAST(max_shuffle_read_bytes AS DOUBLE) / NULLIF(median_shuffle_read_bytes, 0)
        AS shuffle_read_ratio,
    median_input_bytes,
    max_input_bytes,
    CAST(max_input_bytes AS DOUBLE) / NULLIF(median_input_bytes, 0) AS input_ratio,
    slowest['task_id'] AS task_id,
    slowest['task_index'] AS task_index,
    slowest['executor_id'] AS executor_id,
    slowest['host'] AS host,
    slowest['shuffle_read_bytes'] AS task_shuffle_read_bytes,
    slowest['input_bytes'] AS task_input_bytes,
    slowest['records_read'] AS task_records_read,
    records_per_second,
    others_records_per_second,
    CASE
        WHEN others_records_per_second IS NULL THEN NULL
        WHEN records_per_second < others_records_per_second * (
            SELECT value FROM thresholds WHERE name = 'slow_rate_ratio')
            THEN 'task'
        ELSE 'data'
    END AS cause
FROM measured
WHERE max_run_time_ms > median_run_time_ms * (
        SELECT value FROM thresholds WHERE name = 'skew_ratio')
    AND max_run_time_ms > 1000 * (
        SELECT value FROM thresholds WHERE name = 'skew_min_duration')
