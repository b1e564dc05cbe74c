-- A row is something that `stagelight doctor` has to say about how applications write their event logs:
-- the hundred attempts that were started last.
-- Spark 4 has other defaults than Spark 3: it rolls and packs. spark.eventLog.rolling.maxFileSize counts bytes
-- before they are packed (RollingEventLogFilesWriter).
WITH latest AS (
    SELECT
        app_id,
        coalesce(attempt_id, '') AS attempt_id,
        app_name,
        start_time,
        TRY_CAST(split_part(app_spark_version, '.', 1) AS BIGINT) >= 4 AS is_spark_4
    FROM applications
    ORDER BY start_time DESC NULLS LAST
    LIMIT 100
),
settings AS (
    SELECT
        app_id,
        coalesce(attempt_id, '') AS attempt_id,
        max(value) FILTER (WHERE name = 'spark.eventLog.rolling.enabled') AS rolling,
        max(value) FILTER (WHERE name = 'spark.eventLog.compress') AS compress,
        max(value) FILTER (WHERE name = 'spark.eventLog.logStageExecutorMetrics') AS executor_metrics
    FROM environment
    WHERE section = 'spark_properties'
        AND name IN ('spark.eventLog.rolling.enabled', 'spark.eventLog.compress',
            'spark.eventLog.logStageExecutorMetrics')
    GROUP BY app_id, coalesce(attempt_id, '')
),
-- How long the first event of a file waited for the last one, after which the file comes to the bucket.
waits AS (
    SELECT
        sources.app_id,
        coalesce(sources.attempt_id, '') AS attempt_id,
        bool_or(sources.uri LIKE 's3%://%') AS is_in_bucket,
        max(CAST(sources.last_event_time AS BIGINT) - CAST(coalesce(before.last_event_time, latest.start_time) AS BIGINT))
            AS wait_ms
    FROM sources
    JOIN latest
        ON latest.app_id = sources.app_id AND latest.attempt_id = coalesce(sources.attempt_id, '')
    LEFT JOIN sources AS before
        ON before.app_id = sources.app_id
        AND coalesce(before.attempt_id, '') = coalesce(sources.attempt_id, '')
        AND before.segment = sources.segment - 1
        AND before.state = 'counted'
    WHERE sources.state = 'counted'
    GROUP BY sources.app_id, coalesce(sources.attempt_id, '')
),
judged AS (
    SELECT
        latest.app_name,
        coalesce(waits.is_in_bucket, false) AS is_in_bucket,
        coalesce(lower(settings.rolling) = 'true', latest.is_spark_4, false) AS rolls,
        coalesce(lower(settings.compress) = 'true', latest.is_spark_4, false) AS packs,
        coalesce(lower(settings.executor_metrics) = 'true', false) AS has_executor_metrics,
        coalesce(waits.wait_ms, 0) AS wait_ms,
        (SELECT value * 1000 FROM thresholds WHERE name = 'queryable_within') AS wanted_ms
    FROM latest
    LEFT JOIN settings
        ON settings.app_id = latest.app_id AND settings.attempt_id = latest.attempt_id
    LEFT JOIN waits ON waits.app_id = latest.app_id AND waits.attempt_id = latest.attempt_id
),
counted AS (
    SELECT
        concat(' of the last ', count(*), ' applications') AS of_all,
        count(*) FILTER (WHERE is_in_bucket AND NOT rolls) AS num_single,
        min(app_name) FILTER (WHERE is_in_bucket AND NOT rolls) AS single,
        count(*) FILTER (WHERE is_in_bucket AND rolls AND wait_ms > wanted_ms) AS num_late,
        min(app_name) FILTER (WHERE is_in_bucket AND rolls AND wait_ms > wanted_ms) AS late,
        max(wait_ms) FILTER (WHERE is_in_bucket AND rolls) AS wait_ms,
        count(*) FILTER (WHERE NOT packs) AS num_unpacked,
        min(app_name) FILTER (WHERE NOT packs) AS unpacked,
        count(*) FILTER (WHERE NOT has_executor_metrics) AS num_without_metrics,
        min(app_name) FILTER (WHERE NOT has_executor_metrics) AS without_metrics
    FROM judged
    HAVING count(*) > 0
),
said AS (
    SELECT
        1 AS place,
        CASE WHEN num_single > 0 THEN 'wrong' ELSE 'good' END AS verdict,
        CASE
            WHEN num_single > 0 THEN concat(num_single, of_all, ', such as ', single,
                ', write one file, which comes to the bucket when they end, and never where the driver is killed')
            ELSE concat('none', of_all, ' writes one file to a bucket')
        END AS found,
        CASE WHEN num_single > 0 THEN 'set spark.eventLog.rolling.enabled=true' END AS advice
    FROM counted
    UNION ALL
    SELECT
        2,
        CASE WHEN num_late > 0 THEN 'better' ELSE 'good' END,
        CASE
            WHEN num_late > 0 THEN concat('events of ', num_late, of_all, ', such as ', late, ', waited up to ',
                duration(wait_ms), ' for their file to be rolled')
            ELSE concat('no file', of_all, ' was open for longer than is wanted')
        END,
        CASE WHEN num_late > 0 THEN 'lower spark.eventLog.rolling.maxFileSize (128m by default, 10m at least, '
            || 'before packing); 10 minutes are wanted unless --threshold queryable_within says another time' END
    FROM counted
    UNION ALL
    SELECT
        3,
        CASE WHEN num_unpacked > 0 THEN 'better' ELSE 'good' END,
        CASE
            WHEN num_unpacked > 0 THEN concat(num_unpacked, of_all, ', such as ', unpacked, ', do not pack their logs')
            ELSE concat('all', of_all, ' pack their logs')
        END,
        CASE WHEN num_unpacked > 0 THEN 'set spark.eventLog.compress=true and '
            || 'spark.eventLog.compression.codec=zstd, which takes a twentieth of the room' END
    FROM counted
    UNION ALL
    SELECT
        4,
        CASE WHEN num_without_metrics > 0 THEN 'better' ELSE 'good' END,
        CASE
            WHEN num_without_metrics > 0 THEN concat(num_without_metrics, of_all, ', such as ', without_metrics,
                ', do not log the memory of executors and drivers')
            ELSE concat('all', of_all, ' log the memory of executors and drivers')
        END,
        CASE WHEN num_without_metrics > 0 THEN 'set spark.eventLog.logStageExecutorMetrics=true' END
    FROM counted
)
SELECT verdict, found, advice FROM said ORDER BY place
