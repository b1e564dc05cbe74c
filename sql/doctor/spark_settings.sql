-- A row is something that `stagelight doctor` has to say about how applications write their event logs:
-- the hundred attempts that were started last.
-- spark.eventLog.rolling.maxFileSize counts bytes before they are packed (RollingEventLogFilesWriter).
WITH latest AS (
    SELECT app_id, coalesce(attempt_id, '') AS attempt_id, coalesce(app_name, app_id) AS app_name, start_time
    FROM applications
    ORDER BY start_time DESC NULLS LAST
    LIMIT 100
),
settings AS (
    SELECT
        latest.app_id,
        latest.attempt_id,
        coalesce(bool_or(name = 'spark.eventLog.logStageExecutorMetrics' AND lower(value) = 'true'), false)
            AS has_executor_metrics
    FROM environment
    JOIN latest
        ON latest.app_id = environment.app_id AND latest.attempt_id = coalesce(environment.attempt_id, '')
    WHERE section = 'spark_properties'
    GROUP BY latest.app_id, latest.attempt_id
),
jobs_of_files AS (
    SELECT
        latest.app_id,
        latest.attempt_id,
        events.segment,
        count(*) FILTER (WHERE event = 'SparkListenerJobStart') AS num_started,
        count(*) FILTER (WHERE event = 'SparkListenerJobEnd') AS num_ended,
        min(time) FILTER (WHERE event = 'SparkListenerJobStart') AS first_start_time
    FROM lake.job_events AS events
    JOIN latest ON latest.app_id = events.app_id AND latest.attempt_id = events.attempt_id
    GROUP BY latest.app_id, latest.attempt_id, events.segment
),
-- What a compacted file has is of files before it, and not all of that: none of its times says how long a file
-- was open, and to the file after it, it is as if none was before.
files AS (
    SELECT
        latest.app_id,
        latest.attempt_id,
        latest.start_time,
        sources.uri LIKE 's3%://%' AS is_in_bucket,
        sources.layout = 'single' AS is_single,
        sources.layout = 'compacted' AS is_compacted,
        sources.codec <> 'none' AS is_packed,
        sources.segment,
        sources.last_event_time,
        lag(CASE WHEN sources.layout <> 'compacted' THEN sources.segment END) OVER before AS segment_before,
        lag(sources.last_event_time) OVER before AS time_before,
        jobs.first_start_time,
        coalesce(jobs.num_started - jobs.num_ended, 0) AS num_left
    FROM sources
    JOIN latest
        ON latest.app_id = sources.app_id AND latest.attempt_id = coalesce(sources.attempt_id, '')
    LEFT JOIN jobs_of_files AS jobs
        ON jobs.app_id = latest.app_id
        AND jobs.attempt_id = latest.attempt_id
        AND jobs.segment = sources.segment
    WHERE sources.state = 'counted' AND sources.events > 0
    WINDOW before AS (PARTITION BY latest.app_id, latest.attempt_id ORDER BY sources.segment)
),
-- The end of a job may be in a file that is not there: what runs is counted anew after each gap.
files_by_gaps AS (
    SELECT
        *,
        sum(CASE WHEN segment_before = segment - 1 THEN 0 ELSE 1 END)
            OVER (PARTITION BY app_id, attempt_id ORDER BY segment) AS gaps
    FROM files
),
files_with_jobs AS (
    SELECT
        *,
        sum(num_left) OVER (PARTITION BY app_id, attempt_id, gaps ORDER BY segment) - num_left AS num_running
    FROM files_by_gaps
),
-- How long the first event of a file has waited for the last one, after which the file comes to the bucket.
-- When the first one happened is not known. While a job runs there are events, so that it was soon after the
-- last one of the file before; else, it was the start of the next job at the latest.
waits AS (
    SELECT
        app_id,
        attempt_id,
        bool_or(is_in_bucket) AS is_in_bucket,
        bool_and(is_single) AS is_single,
        bool_or(is_packed) AS is_packed,
        max(CAST(last_event_time AS BIGINT) - CAST(
            CASE
                WHEN is_compacted THEN NULL
                WHEN segment = 1 THEN start_time
                WHEN segment_before = segment - 1 AND num_running > 0 THEN time_before
                ELSE first_start_time
            END AS BIGINT)) AS wait_ms
    FROM files_with_jobs
    GROUP BY app_id, attempt_id
),
judged AS (
    SELECT
        latest.app_name,
        waits.is_in_bucket,
        waits.is_in_bucket AND waits.is_single AS is_single,
        waits.is_in_bucket AND NOT waits.is_single
            AND waits.wait_ms > (SELECT value * 1000 FROM thresholds WHERE name = 'queryable_within') AS is_late,
        waits.wait_ms,
        NOT waits.is_packed AS is_unpacked,
        NOT settings.has_executor_metrics AS is_without_metrics
    FROM latest
    LEFT JOIN settings
        ON settings.app_id = latest.app_id AND settings.attempt_id = latest.attempt_id
    LEFT JOIN waits ON waits.app_id = latest.app_id AND waits.attempt_id = latest.attempt_id
),
counted AS (
    SELECT
        count(*) AS num_all,
        count(*) FILTER (WHERE is_in_bucket) AS num_in_bucket,
        count(*) FILTER (WHERE is_single) AS num_single,
        min(app_name) FILTER (WHERE is_single) AS single,
        count(*) FILTER (WHERE is_late) AS num_late,
        min(app_name) FILTER (WHERE is_late) AS late,
        duration(max(wait_ms) FILTER (WHERE is_late)) AS wait,
        count(*) FILTER (WHERE is_unpacked) AS num_unpacked,
        min(app_name) FILTER (WHERE is_unpacked) AS unpacked,
        count(*) FILTER (WHERE is_without_metrics) AS num_without_metrics,
        min(app_name) FILTER (WHERE is_without_metrics) AS without_metrics
    FROM judged
    HAVING count(*) > 0
),
faults AS (
    SELECT
        1 AS place,
        'wrong' AS verdict,
        num_all,
        num_single AS num,
        single AS example,
        'are one file each, which comes to the bucket at the end, and never where the driver is killed' AS fault,
        'are not one file each' AS sound,
        'set spark.eventLog.rolling.enabled=true' AS advice
    FROM counted
    WHERE num_in_bucket > 0
    UNION ALL
    SELECT
        2,
        'better',
        num_all,
        num_late,
        late,
        concat('have events that waited for up to ', wait, ' for their file to be rolled'),
        'have no file that is known to have been open for longer than is wanted',
        'lower spark.eventLog.rolling.maxFileSize (128m by default, 10m at least, before packing); 10 minutes '
            || 'are wanted unless --threshold queryable_within says another time'
    FROM counted
    WHERE num_in_bucket > num_single
    UNION ALL
    SELECT
        3,
        'better',
        num_all,
        num_unpacked,
        unpacked,
        'are not packed',
        'are packed',
        'set spark.eventLog.compress=true and spark.eventLog.compression.codec=zstd, which takes a twentieth of '
            || 'the room'
    FROM counted
    UNION ALL
    SELECT
        4,
        'better',
        num_all,
        num_without_metrics,
        without_metrics,
        'lack the memory of executors and drivers',
        'have the memory of executors and drivers',
        'set spark.eventLog.logStageExecutorMetrics=true'
    FROM counted
),
said AS (
    SELECT
        place,
        CASE WHEN num > 0 THEN verdict ELSE 'good' END AS verdict,
        concat(
            'logs of ',
            CASE WHEN num > 0 AND num_all > 1 THEN concat(num, ' of ') ELSE '' END,
            CASE WHEN num_all = 1 THEN 'the last application' ELSE concat('the last ', num_all, ' applications') END,
            CASE WHEN num > 0 THEN concat(', ', CASE WHEN num_all > 1 THEN 'such as ' ELSE '' END, example, ',')
                ELSE '' END,
            ' ',
            CASE WHEN num > 0 THEN fault ELSE sound END) AS found,
        CASE WHEN num > 0 THEN advice END AS advice
    FROM faults
)
SELECT verdict, found, advice FROM said ORDER BY place
