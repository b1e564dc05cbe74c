-- A row is a SQL plan's node or a stage attempt that reads or writes many small files. `what` says
-- which of these it is:
--   files_read, files_written: a node of the last physical plan of a SQL execution, by its metrics
--   tasks_reading, tasks_writing: a stage attempt, by the input or output of its tasks (a task
--     reads parts of files, or several files, and writes one at least)
-- `num` files or tasks are more than small_file_count, and in the mean have less than
-- small_file_bytes.
-- DataFlint, MemorySQLInputOutputAlerts: more than 100 files of less than 3 MiB in the mean, of
-- input nodes and of writes to a file system. That tasks are judged likewise is ours, for what is
-- not SQL.
-- Spark: FileSourceScanExec (number of files read, size of files read), BasicWriteJobStatsTracker
-- (number of written files, written output).
WITH measured AS (
    SELECT
        app_id,
        attempt_id,
        CASE
            WHEN metric_name IN ('number of files read', 'size of files read') THEN 'files_read'
            ELSE 'files_written'
        END AS what,
        execution_id,
        node_id,
        max(node_name) AS node_name,
        CAST(NULL AS BIGINT) AS stage_id,
        CAST(NULL AS BIGINT) AS stage_attempt_id,
        max(value) FILTER (WHERE metric_name IN ('number of files read', 'number of written files'))
            AS num,
        max(value) FILTER (WHERE metric_name IN ('size of files read', 'written output')) AS bytes
    FROM sql_metrics
    WHERE metric_name IN (
        'number of files read', 'size of files read', 'number of written files', 'written output')
    GROUP BY
        app_id,
        attempt_id,
        metric_name IN ('number of files read', 'size of files read'),
        execution_id,
        node_id
    UNION ALL
    SELECT
        app_id,
        attempt_id,
        'tasks_reading',
        NULL,
        NULL,
        NULL,
        stage_id,
        stage_attempt_id,
        num_complete_tasks,
        input_bytes
    FROM stages
    WHERE input_bytes > 0
    UNION ALL
    SELECT
        app_id,
        attempt_id,
        'tasks_writing',
        NULL,
        NULL,
        NULL,
        stage_id,
        stage_attempt_id,
        num_complete_tasks,
        output_bytes
    FROM stages
    WHERE output_bytes > 0
)
SELECT
    *,
    CAST(bytes AS DOUBLE) / num AS mean_bytes
FROM measured
WHERE num > (SELECT value FROM thresholds WHERE name = 'small_file_count')
    AND bytes < num * (SELECT value FROM thresholds WHERE name = 'small_file_bytes')
