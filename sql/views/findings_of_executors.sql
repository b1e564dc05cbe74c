-- A row is an application attempt and a rule of `findings`, which this is part of, whose number can be
-- told of its executors or driver. What is said and advised holds where the number has reached a level.
-- Executors are compared by the greatest and the median: of an even number, the mean of the two in the
-- middle, as Dr. Elephant's Statistics.median. Where the median is 0, the greatest is infinitely more.
-- The driver is not among them, which it is in Dr. Elephant: it runs no tasks. In local mode it is all
-- that there is, and its memory is that of the executor.
WITH peaks AS (
    SELECT
        app_id,
        attempt_id,
        max(heap_bytes) FILTER (WHERE executor_id <> 'driver') AS executor_heap,
        max(heap_bytes) FILTER (WHERE executor_id = 'driver') AS driver_heap,
        max(unified_bytes) FILTER (WHERE executor_id <> 'driver') AS unified,
        max(max_memory) FILTER (WHERE executor_id <> 'driver') AS max_memory
    FROM findings_executors
    GROUP BY app_id, attempt_id
),
workers AS (
    SELECT
        app_id,
        attempt_id,
        count(*) AS num,
        sum(total_gc_time_ms) AS gc_time_ms,
        sum(total_duration_ms) AS task_time_ms,
        sorted_values(total_duration_ms) AS durations,
        sorted_values(total_input_bytes) AS inputs,
        sorted_values(total_shuffle_read) AS shuffle_reads,
        sorted_values(total_shuffle_write) AS shuffle_writes
    FROM findings_executors
    WHERE executor_id <> 'driver'
    GROUP BY app_id, attempt_id
),
measured AS (
    SELECT app_id, attempt_id, num, 'executor_task_time' AS rule, durations AS measures FROM workers
    UNION ALL
    SELECT app_id, attempt_id, num, 'executor_input', inputs FROM workers
    UNION ALL
    SELECT app_id, attempt_id, num, 'executor_shuffle_read', shuffle_reads FROM workers
    UNION ALL
    SELECT app_id, attempt_id, num, 'executor_shuffle_write', shuffle_writes FROM workers
),
compared AS (
    SELECT
        app_id,
        attempt_id,
        num,
        rule,
        measures[-1] AS greatest,
        (measures[(num + 1) / 2] + measures[num / 2 + 1]) / 2 AS median
    FROM measured
),
memory AS (
    SELECT
        applications.*,
        peaks.executor_heap,
        peaks.driver_heap,
        peaks.unified,
        peaks.max_memory,
        -- What Spark keeps for itself (UnifiedMemoryManager.RESERVED_SYSTEM_MEMORY_BYTES).
        314572800 AS reserved
    FROM findings_applications AS applications
    JOIN peaks
        ON peaks.app_id = applications.app_id
        AND coalesce(peaks.attempt_id, '') = coalesce(applications.attempt_id, '')
)
SELECT
    app_id,
    attempt_id,
    rule,
    coalesce(CAST(greatest AS DOUBLE) / NULLIF(median, 0), CAST('Infinity' AS DOUBLE)) AS value,
    CAST(NULL AS BIGINT) AS stage_id,
    CAST(NULL AS BIGINT) AS stage_attempt_id,
    CASE rule
        WHEN 'executor_task_time' THEN concat(
            'The tasks of one executor took ', format_metric('timing', greatest), ', of the median of ',
            num, ' executors ', format_metric('timing', median), '.')
        ELSE concat(
            'One executor ',
            CASE rule
                WHEN 'executor_input' THEN 'read '
                WHEN 'executor_shuffle_read' THEN 'read from shuffles '
                ELSE 'wrote to shuffles '
            END,
            bytes(greatest), ', the median of ', num, ' executors ', bytes(median),
            '.')
    END AS evidence,
    CASE rule
        WHEN 'executor_task_time' THEN 'Use more, and more even, partitions; executors that come late '
            || 'or go early get less (spark.dynamicAllocation.*), spark.locality.wait keeps tasks '
            || 'where their data is.'
        WHEN 'executor_input' THEN 'Let tasks go where the data is not: a lower spark.locality.wait; '
            || 'make files even: spark.sql.files.maxPartitionBytes.'
        ELSE 'Spread the keys of joins and aggregates: more spark.sql.shuffle.partitions, '
            || 'spark.sql.adaptive.skewJoin.enabled.'
    END AS advice
FROM compared
WHERE greatest >= CASE rule
    WHEN 'executor_task_time'
        THEN 1000 * (SELECT value FROM thresholds WHERE name = 'executor_min_duration')
    ELSE (SELECT value FROM thresholds WHERE name = 'executor_min_bytes')
END
UNION ALL
SELECT
    app_id,
    attempt_id,
    'executor_gc',
    CAST(gc_time_ms AS DOUBLE) / task_time_ms,
    NULL,
    NULL,
    concat(
        'Of ', format_metric('timing', task_time_ms), ' that the tasks of all executors took, ',
        format_metric('timing', gc_time_ms), ' were garbage collection.'),
    'Raise spark.executor.memory, or lower spark.executor.cores so that fewer tasks share it.'
FROM workers
WHERE task_time_ms >= 1000 * (SELECT value FROM thresholds WHERE name = 'gc_min_duration')
UNION ALL
SELECT
    app_id,
    attempt_id,
    'driver_gc',
    CAST(total_gc_time_ms AS DOUBLE) / total_duration_ms,
    NULL,
    NULL,
    concat(
        'Of ', format_metric('timing', total_duration_ms), ' that the driver was there, ',
        format_metric('timing', total_gc_time_ms), ' were garbage collection.'),
    'Raise spark.driver.memory, or collect and broadcast less.'
FROM findings_executors
WHERE executor_id = 'driver'
    AND total_duration_ms >= 1000 * (SELECT value FROM thresholds WHERE name = 'gc_min_duration')
UNION ALL
SELECT
    app_id,
    attempt_id,
    'executor_memory_unused',
    CAST(executor_memory AS DOUBLE) / (executor_heap + reserved),
    NULL,
    NULL,
    concat(
        'spark.executor.memory is ', bytes(executor_memory),
        '; the heap of no executor has come to more than ', bytes(executor_heap), '.'),
    concat(
        'Set spark.executor.memory to ',
        CAST(ceil(1.2 * executor_heap / 1048576) AS BIGINT), 'm: the peak and a fifth.')
FROM memory
WHERE executor_heap > 0
    AND executor_memory > (SELECT value FROM thresholds WHERE name = 'unused_min_bytes')
UNION ALL
SELECT
    app_id,
    attempt_id,
    'driver_memory_unused',
    CAST(driver_memory AS DOUBLE) / (driver_heap + reserved),
    NULL,
    NULL,
    concat(
        'spark.driver.memory is ', bytes(driver_memory),
        '; its heap has come to no more than ', bytes(driver_heap), '.'),
    concat(
        'Set spark.driver.memory to ',
        CAST(ceil(1.2 * driver_heap / 1048576) AS BIGINT), 'm: the peak and a fifth.')
FROM memory
WHERE driver_heap > 0
    AND driver_memory > (SELECT value FROM thresholds WHERE name = 'unused_min_bytes')
UNION ALL
SELECT
    app_id,
    attempt_id,
    'unified_memory_unused',
    CAST(unified AS DOUBLE) / max_memory,
    NULL,
    NULL,
    concat(
        'For execution and storage an executor has ', bytes(max_memory),
        '; no executor has taken more than ', bytes(unified), '.'),
    'Lower spark.memory.fraction where user code wants the memory, or spark.executor.memory.'
FROM memory
WHERE executor_heap > 0
    AND max_memory > (SELECT value FROM thresholds WHERE name = 'unified_min_bytes')
    AND executor_memory > (SELECT value FROM thresholds WHERE name = 'unused_min_bytes')
UNION ALL
SELECT
    app_id,
    attempt_id,
    'executor_memory_full',
    CAST(executor_heap AS DOUBLE) / executor_memory,
    NULL,
    NULL,
    concat(
        'The heap of an executor has come to ', bytes(executor_heap),
        ' of spark.executor.memory, ', bytes(executor_memory), '.'),
    concat(
        'Set spark.executor.memory to ', CAST(ceil(1.2 * executor_memory / 1048576) AS BIGINT),
        'm: a fifth more.')
FROM memory
WHERE executor_memory > 0 AND executor_heap > 0
UNION ALL
SELECT
    app_id,
    attempt_id,
    'driver_memory_full',
    CAST(driver_heap AS DOUBLE) / driver_memory,
    NULL,
    NULL,
    concat(
        'The heap of the driver has come to ', bytes(driver_heap),
        ' of spark.driver.memory, ', bytes(driver_memory), '.'),
    concat(
        'Set spark.driver.memory to ', CAST(ceil(1.2 * driver_memory / 1048576) AS BIGINT),
        'm: a fifth more.')
FROM memory
WHERE driver_memory > 0 AND driver_heap > 0
