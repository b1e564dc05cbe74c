-- A row is an application attempt and a rule of `findings`, which this is part of, whose number is one
-- of its settings. What is said and advised holds where the number has reached a level.
-- Dr. Elephant, ConfigurationHeuristic. It also judges a serializer that is not set, and a shuffle
-- service that is not there: so are most applications, and Spark has had other ways since.
WITH sizes AS (
    SELECT app_id, attempt_id, 'executor_memory' AS rule, 'spark.executor.memory' AS name,
        executor_memory AS bytes
    FROM findings_applications
    UNION ALL
    SELECT app_id, attempt_id, 'driver_memory', 'spark.driver.memory', driver_memory
    FROM findings_applications
    UNION ALL
    SELECT app_id, attempt_id, 'executor_overhead', 'spark.executor.memoryOverhead',
        executor_overhead
    FROM findings_applications
    UNION ALL
    SELECT app_id, attempt_id, 'driver_overhead', 'spark.driver.memoryOverhead', driver_overhead
    FROM findings_applications
),
numbers AS (
    SELECT app_id, attempt_id, 'executor_cores' AS rule, 'spark.executor.cores' AS name,
        executor_cores AS number,
        'Tasks of a large executor share its memory, its collections and its connections: have more '
        || 'executors with fewer spark.executor.cores.' AS advice
    FROM findings_applications
    UNION ALL
    SELECT app_id, attempt_id, 'driver_cores', 'spark.driver.cores', driver_cores,
        'A driver seldom uses so many: lower spark.driver.cores.'
    FROM findings_applications
    UNION ALL
    SELECT app_id, attempt_id, 'min_executors', 'spark.dynamicAllocation.minExecutors', min_executors,
        'Executors are kept that nothing needs: set spark.dynamicAllocation.minExecutors to 1 at most.'
    FROM findings_applications
    WHERE is_dynamic
    UNION ALL
    SELECT app_id, attempt_id, 'max_executors', 'spark.dynamicAllocation.maxExecutors', max_executors,
        'One application can take the cluster: lower spark.dynamicAllocation.maxExecutors.'
    FROM findings_applications
    WHERE is_dynamic
)
SELECT
    app_id,
    attempt_id,
    rule,
    bytes / 1073741824.0 AS value,
    CAST(NULL AS BIGINT) AS stage_id,
    CAST(NULL AS BIGINT) AS stage_attempt_id,
    concat(name, ' is ', bytes(bytes), '.') AS evidence,
    concat('Ask for less, see executor_peak_metrics for what is used: ', name, '.') AS advice
FROM sizes
WHERE bytes IS NOT NULL
UNION ALL
SELECT
    app_id,
    attempt_id,
    rule,
    CAST(number AS DOUBLE),
    NULL,
    NULL,
    concat(name, ' is ', number, '.'),
    advice
FROM numbers
WHERE number IS NOT NULL
UNION ALL
SELECT
    app_id,
    attempt_id,
    'serializer',
    1.0,
    NULL,
    NULL,
    concat('spark.serializer is ', serializer, '.'),
    'Set spark.serializer to org.apache.spark.serializer.KryoSerializer; SQL does not need it.'
FROM findings_applications
WHERE serializer <> 'org.apache.spark.serializer.KryoSerializer'
