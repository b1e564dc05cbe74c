-- A row is an application attempt, with its settings and sizes as the rules of `findings`, which this
-- is part of, want to know them. Settings are NULL where they are not set.
--
-- shared
WITH entries AS (
    SELECT
        app_id,
        attempt_id,
        name,
        value,
        segment,
        line,
        TRY_CAST(value AS BIGINT) AS number,
        byte_string(value, 'm') AS bytes
    FROM lake.environment_entries
    WHERE section = 'Spark Properties'
        AND name IN (
            'spark.master',
            'spark.serializer',
            'spark.executor.memory',
            'spark.driver.memory',
            'spark.executor.memoryOverhead',
            'spark.yarn.executor.memoryOverhead',
            'spark.driver.memoryOverhead',
            'spark.yarn.driver.memoryOverhead',
            'spark.executor.cores',
            'spark.driver.cores',
            'spark.executor.instances',
            'spark.dynamicAllocation.enabled',
            'spark.dynamicAllocation.minExecutors',
            'spark.dynamicAllocation.maxExecutors')
),
settings AS (
    SELECT
        app_id,
        attempt_id,
        last_value(value ORDER BY segment, line) FILTER (WHERE name = 'spark.master') AS master,
        last_value(value ORDER BY segment, line) FILTER (WHERE name = 'spark.serializer')
            AS serializer,
        last_value(bytes ORDER BY segment, line) FILTER (WHERE name = 'spark.executor.memory')
            AS executor_memory,
        last_value(bytes ORDER BY segment, line) FILTER (WHERE name = 'spark.driver.memory')
            AS driver_memory,
        -- With spark.yarn before Spark 2.3.
        last_value(bytes ORDER BY segment, line)
            FILTER (WHERE name LIKE '%executor.memoryOverhead') AS executor_overhead,
        last_value(bytes ORDER BY segment, line)
            FILTER (WHERE name LIKE '%driver.memoryOverhead') AS driver_overhead,
        last_value(number ORDER BY segment, line) FILTER (WHERE name = 'spark.executor.cores')
            AS executor_cores,
        last_value(number ORDER BY segment, line) FILTER (WHERE name = 'spark.driver.cores')
            AS driver_cores,
        last_value(number ORDER BY segment, line) FILTER (WHERE name = 'spark.executor.instances')
            AS executor_instances,
        last_value(lower(value) = 'true' ORDER BY segment, line)
            FILTER (WHERE name = 'spark.dynamicAllocation.enabled') AS is_dynamic,
        last_value(number ORDER BY segment, line)
            FILTER (WHERE name = 'spark.dynamicAllocation.minExecutors') AS min_executors,
        last_value(number ORDER BY segment, line)
            FILTER (WHERE name = 'spark.dynamicAllocation.maxExecutors') AS max_executors
    FROM entries
    GROUP BY app_id, attempt_id
),
executor_counts AS (
    SELECT app_id, attempt_id, count(*) AS num_executors
    FROM executor_lives
    WHERE executor_id <> 'driver'
    GROUP BY app_id, attempt_id
)
SELECT
    applications.app_id,
    applications.attempt_id,
    applications.duration_ms,
    coalesce(executor_counts.num_executors, 0) AS num_executors,
    settings.master,
    settings.serializer,
    settings.executor_memory,
    settings.driver_memory,
    settings.executor_overhead,
    settings.driver_overhead,
    settings.executor_cores,
    settings.driver_cores,
    settings.executor_instances,
    coalesce(settings.is_dynamic, false) AS is_dynamic,
    settings.min_executors,
    settings.max_executors
FROM applications
LEFT JOIN settings
    ON settings.app_id = applications.app_id
    AND settings.attempt_id = coalesce(applications.attempt_id, '')
LEFT JOIN executor_counts
    ON executor_counts.app_id = applications.app_id
    AND executor_counts.attempt_id = coalesce(applications.attempt_id, '')
