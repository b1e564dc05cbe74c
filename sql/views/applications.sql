-- A row is an application attempt of which anything has been ingested, even without its start.
-- One without an end is `running`, until a later attempt has begun or nothing was heard of it for
-- as long as `thresholds` says: then its driver has died, and it is `lost`.
-- Spark: FsHistoryProvider's AppListingListener (names, times, user, version). The History Server
-- knows completed and incomplete only.
WITH listing AS (
    SELECT
        app_id,
        attempt_id,
        last_value(app_name ORDER BY segment, line)
            FILTER (WHERE event = 'SparkListenerApplicationStart') AS app_name,
        last_value(spark_user ORDER BY segment, line)
            FILTER (WHERE event = 'SparkListenerApplicationStart') AS spark_user,
        last_value(time ORDER BY segment, line)
            FILTER (WHERE event = 'SparkListenerApplicationStart') AS start_time,
        last_value(spark_version ORDER BY segment, line)
            FILTER (WHERE event = 'SparkListenerLogStart') AS app_spark_version,
        last_value(time ORDER BY segment, line)
            FILTER (WHERE event = 'SparkListenerApplicationEnd') AS end_time,
        last_value(exit_code ORDER BY segment, line)
            FILTER (WHERE event = 'SparkListenerApplicationEnd') AS exit_code,
        count(*) FILTER (WHERE event = 'SparkListenerApplicationEnd') > 0 AS completed
    FROM lake.application_events
    GROUP BY app_id, attempt_id
),
namespaces AS (
    SELECT app_id, attempt_id, last_value(value ORDER BY segment, line) AS namespace
    FROM lake.environment_entries
    WHERE section = 'Spark Properties' AND name = 'spark.kubernetes.namespace'
    GROUP BY app_id, attempt_id
),
told AS (
    SELECT
        attempts.app_id,
        attempts.attempt_id,
        attempts.last_event_time,
        listing.app_name,
        listing.spark_user,
        listing.start_time,
        listing.app_spark_version,
        listing.end_time,
        listing.exit_code,
        coalesce(listing.completed, false) AS completed,
        -- Attempts are numbered; as texts, 10 would come before 9.
        CASE WHEN max(TRY_CAST(attempts.attempt_id AS BIGINT)) OVER (PARTITION BY attempts.app_id)
                > TRY_CAST(attempts.attempt_id AS BIGINT)
            THEN true ELSE false
        END AS is_followed,
        thresholds.value AS lost_after_s
    FROM attempts
    LEFT JOIN listing
        ON listing.app_id = attempts.app_id AND listing.attempt_id = attempts.attempt_id
    CROSS JOIN thresholds
    WHERE thresholds.name = 'lost_after'
),
judged AS (
    SELECT
        *,
        CASE
            WHEN completed AND coalesce(exit_code, 0) = 0 THEN 'succeeded'
            WHEN completed THEN 'failed'
            WHEN is_followed
                OR last_event_time < now() - CAST(
                    concat(CAST(least(lost_after_s, 9000000000) AS BIGINT), ' seconds') AS INTERVAL)
                THEN 'lost'
            ELSE 'running'
        END AS status
    FROM told
)
SELECT
    judged.app_id,
    NULLIF(judged.attempt_id, '') AS attempt_id,
    judged.app_name,
    judged.spark_user,
    judged.app_spark_version,
    judged.start_time,
    judged.end_time,
    -- Times are timestamp(ms), so as a BIGINT they are milliseconds. An application that has not
    -- ended has lasted as long as we have heard of it (the History Server says 0).
    CAST(CASE WHEN judged.completed THEN judged.end_time ELSE judged.last_event_time END AS BIGINT)
        - CAST(judged.start_time AS BIGINT) AS duration_ms,
    judged.completed,
    judged.status,
    -- What the status was told by.
    CASE
        WHEN judged.exit_code IS NOT NULL
            THEN concat('it ended with exit code ', judged.exit_code)
        WHEN judged.completed THEN 'it ended; before Spark 4 there is no exit code'
        WHEN judged.is_followed THEN 'no end was seen, and a later attempt has begun'
        ELSE concat('no end was seen; the last event is of ', judged.last_event_time)
    END AS status_reason,
    namespaces.namespace,
    judged.last_event_time
FROM judged
LEFT JOIN namespaces
    ON namespaces.app_id = judged.app_id AND namespaces.attempt_id = judged.attempt_id
