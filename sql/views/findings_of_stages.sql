-- A row is a stage attempt and a rule of `findings`, which this is part of, whose number can be told
-- of it. What is said and advised holds where the number has reached a level.
SELECT
    app_id,
    attempt_id,
    'stage_failed' AS rule,
    1.0 AS value,
    stage_id,
    stage_attempt_id,
    concat('It failed: ', split_part(failure_reason, chr(10), 1)) AS evidence,
    'See failure_causes; a stage is tried again spark.stage.maxConsecutiveAttempts times where '
    || 'fetches fail, a task spark.task.maxFailures times.' AS advice
FROM findings_stages
WHERE status = 'FAILED'
UNION ALL
SELECT
    app_id,
    attempt_id,
    'stage_task_failures',
    CAST(num_failed_tasks AS DOUBLE) / num_tasks,
    stage_id,
    stage_attempt_id,
    concat(num_failed_tasks, ' tasks failed in a stage of ', num_tasks, '.'),
    'See failure_causes for why; spark.task.maxFailures and spark.excludeOnFailure.enabled decide '
    || 'what Spark does about it.'
FROM findings_stages
WHERE num_failed_tasks > 0 AND num_tasks > 0
UNION ALL
SELECT
    app_id,
    attempt_id,
    'stage_out_of_memory',
    coalesce(CAST(num_out_of_memory AS DOUBLE) / NULLIF(num_complete_tasks, 0), 1.0),
    stage_id,
    stage_attempt_id,
    concat(
        num_out_of_memory, ' tasks ran out of memory, ', num_complete_tasks, ' completed.'),
    'Raise spark.executor.memory, lower spark.executor.cores, or give a task less to do: more '
    || 'spark.sql.shuffle.partitions.'
FROM findings_stages
WHERE num_out_of_memory > 0
UNION ALL
SELECT
    app_id,
    attempt_id,
    'stage_container_killed',
    coalesce(CAST(num_container_killed AS DOUBLE) / NULLIF(num_complete_tasks, 0), 1.0),
    stage_id,
    stage_attempt_id,
    concat(
        num_container_killed, ' tasks were lost with a container that was killed, ',
        num_complete_tasks, ' completed.'),
    'Raise spark.executor.memoryOverhead, and spark.executor.pyspark.memory if Python workers '
    || 'take the memory.'
FROM findings_stages
WHERE num_container_killed > 0
UNION ALL
-- As in `spill`: Python workers spill to disk only, and what reads and writes nothing that is counted
-- has spilled all of it.
SELECT
    app_id,
    attempt_id,
    'stage_spill',
    coalesce(CAST(bytes_spilled AS DOUBLE) / NULLIF(data_bytes, 0), 1.0),
    stage_id,
    stage_attempt_id,
    concat(
        'It spilled ', bytes(memory_bytes_spilled), ' of memory, ',
        bytes(disk_bytes_spilled), ' on disk; it reads or writes ', bytes(data_bytes),
        ' at most.'),
    'Raise spark.executor.memory or lower spark.executor.cores; give a task less to do: more '
    || 'spark.sql.shuffle.partitions, a smaller spark.sql.adaptive.advisoryPartitionSizeInBytes.'
FROM findings_stages
WHERE disk_bytes_spilled > 0
    AND disk_bytes_spilled >= (SELECT value FROM thresholds WHERE name = 'spill_min_disk_bytes')
    AND data_bytes < (SELECT value FROM thresholds WHERE name = 'spill_max_bytes')
UNION ALL
-- The tasks that matter are longer than DataFlint's 5 seconds (Dr. Elephant has 150), and decide how
-- long the stage lasts.
SELECT
    app_id,
    attempt_id,
    'stage_skew',
    CAST(max_run_time_ms AS DOUBLE) / median_run_time_ms,
    stage_id,
    stage_attempt_id,
    concat(
        'The longest task ran for ', format_metric('timing', max_run_time_ms), ', the median for ',
        format_metric('timing', median_run_time_ms), ', in a stage of ',
        format_metric('timing', stage_ms), '.'),
    'Spread the keys, see skew for the task and its cause; spark.sql.adaptive.skewJoin.enabled '
    || 'splits the partitions of joins.'
FROM findings_stages
WHERE median_run_time_ms > 0
    AND max_run_time_ms > 1000 * (
        SELECT value FROM thresholds WHERE name = 'skew_min_duration')
    AND max_run_time_ms > stage_ms * (
        SELECT value FROM thresholds WHERE name = 'skew_min_stage_ratio')
UNION ALL
SELECT
    app_id,
    attempt_id,
    'stage_long_tasks',
    median_run_time_ms / 1000.0,
    stage_id,
    stage_attempt_id,
    concat(
        'The median of ', num_complete_tasks, ' tasks ran for ',
        format_metric('timing', median_run_time_ms), '.'),
    CASE
        WHEN input_bytes > 0 THEN 'Use more partitions for reading: a smaller '
            || 'spark.sql.files.maxPartitionBytes, or more spark.default.parallelism.'
        ELSE 'Use more partitions: spark.sql.shuffle.partitions, a smaller '
            || 'spark.sql.adaptive.advisoryPartitionSizeInBytes.'
    END
FROM findings_stages
WHERE median_run_time_ms > 0
UNION ALL
SELECT
    app_id,
    attempt_id,
    'stage_gc',
    CAST(jvm_gc_time_ms AS DOUBLE) / executor_run_time_ms,
    stage_id,
    stage_attempt_id,
    concat(
        'Of ', format_metric('timing', executor_run_time_ms), ' that its tasks ran, ',
        format_metric('timing', jvm_gc_time_ms), ' were garbage collection.'),
    'Raise spark.executor.memory, lower spark.executor.cores, or keep fewer objects: less cached, '
    || 'less in collections of user code.'
FROM findings_stages
WHERE executor_run_time_ms >= 1000 * (
        SELECT value FROM thresholds WHERE name = 'gc_min_duration')
UNION ALL
SELECT
    app_id,
    attempt_id,
    'stage_small_tasks',
    median_duration_ms / 1000.0,
    stage_id,
    stage_attempt_id,
    concat(
        'It has ', num_tasks, ' tasks, of which the median lasted for ',
        format_metric('timing', median_duration_ms), '.'),
    'Use fewer, larger partitions: spark.sql.shuffle.partitions, coalesce, a larger '
    || 'spark.sql.files.maxPartitionBytes.'
FROM findings_stages
WHERE num_tasks > (SELECT value FROM thresholds WHERE name = 'small_task_count')
UNION ALL
SELECT
    app_id,
    attempt_id,
    'stage_large_partition',
    CAST(greatest(
        max_input_bytes, max_output_bytes, max_shuffle_read_bytes, max_shuffle_write_bytes)
        AS DOUBLE),
    stage_id,
    stage_attempt_id,
    concat(
        'Its largest tasks read ', bytes(max_input_bytes), ' of input or ',
        bytes(max_shuffle_read_bytes), ' of shuffles, and write ',
        bytes(max_output_bytes), ' of output or ', bytes(max_shuffle_write_bytes),
        ' of shuffles.'),
    'Use more partitions: spark.sql.shuffle.partitions, a smaller '
    || 'spark.sql.files.maxPartitionBytes, or keys that spread better.'
FROM findings_stages
WHERE max_input_bytes IS NOT NULL
UNION ALL
SELECT
    app_id,
    attempt_id,
    'stage_single_task',
    CAST(input_records + shuffle_read_records AS DOUBLE),
    stage_id,
    stage_attempt_id,
    concat(
        'Its only task read ', input_records + shuffle_read_records, ' records in ',
        format_metric('timing', duration_ms), '.'),
    'Do not sort or gather all of it in one partition: a window or aggregate wants keys to '
    || 'partition by, a limit behind a sort is cheaper than the sort.'
FROM findings_stages
WHERE num_tasks = 1
    AND duration_ms > 1000 * (
        SELECT value FROM thresholds WHERE name = 'single_task_min_duration')
UNION ALL
SELECT
    app_id,
    attempt_id,
    'stage_slow_read',
    CAST(median_read_rate AS DOUBLE) / min_read_rate,
    stage_id,
    stage_attempt_id,
    concat(
        'The slowest of its long tasks read ', bytes(min_read_rate), ' of input a second, ',
        'the median ', bytes(median_read_rate), '.'),
    'Look for a slow disk or data node where it ran; spark.speculation starts another copy elsewhere.'
FROM findings_stages
WHERE min_read_rate > 0
UNION ALL
SELECT
    app_id,
    attempt_id,
    'stage_scheduler_delay',
    CAST(scheduler_delay_ms AS DOUBLE) / duration_ms,
    stage_id,
    stage_attempt_id,
    concat(
        'Of ', format_metric('timing', duration_ms), ' that its tasks lasted, ',
        format_metric('timing', scheduler_delay_ms), ' were scheduler delay.'),
    'The driver is busy, or tasks are many and short: more spark.driver.cores, fewer partitions, '
    || 'smaller closures and results.'
FROM findings_stages
WHERE duration_ms > 0
    AND scheduler_delay_ms >= 1000 * (
        SELECT value FROM thresholds WHERE name = 'scheduler_delay_min_duration')
UNION ALL
SELECT
    stages.app_id,
    stages.attempt_id,
    'stage_speculation',
    CAST(stages.num_speculative AS DOUBLE),
    stages.stage_id,
    stages.stage_attempt_id,
    concat('It had ', stages.num_speculative, ' speculative tasks beside ', stages.num_tasks, '.'),
    'Look for slow hosts, see stragglers; if they are not slow, raise spark.speculation.multiplier '
    || 'or spark.speculation.quantile.'
FROM findings_stages AS stages
JOIN findings_applications AS applications
    ON applications.app_id = stages.app_id
    AND coalesce(applications.attempt_id, '') = coalesce(stages.attempt_id, '')
WHERE stages.num_speculative > 0
    AND applications.duration_ms > 1000 * (
        SELECT value FROM thresholds WHERE name = 'application_min_duration')
UNION ALL
-- Dr. Elephant divides by spark.executor.instances, or else by the executors that there were.
SELECT
    stages.app_id,
    stages.attempt_id,
    'stage_run_time',
    stages.executor_run_time_ms / 1000.0
        / coalesce(applications.executor_instances, applications.num_executors),
    stages.stage_id,
    stages.stage_attempt_id,
    concat(
        'Its tasks ran for ', format_metric('timing', stages.executor_run_time_ms), ', on ',
        coalesce(applications.executor_instances, applications.num_executors), ' executors.'),
    'Give it more executors (spark.executor.instances, spark.dynamicAllocation.maxExecutors) and as '
    || 'many partitions, or less to read.'
FROM findings_stages AS stages
JOIN findings_applications AS applications
    ON applications.app_id = stages.app_id
    AND coalesce(applications.attempt_id, '') = coalesce(stages.attempt_id, '')
WHERE coalesce(applications.executor_instances, applications.num_executors) > 0
