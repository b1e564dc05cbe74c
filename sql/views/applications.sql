-- A row is an application attempt of which anything has been ingested, even without its start.
-- Spark: FsHistoryProvider's AppListingListener (names, times, user, version).
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
)
SELECT
    attempts.app_id,
    NULLIF(attempts.attempt_id, '') AS attempt_id,
    listing.app_name,
    listing.spark_user,
    listing.app_spark_version,
    listing.start_time,
    listing.end_time,
    -- Times are timestamp(ms), so as a BIGINT they are milliseconds. An application that has not
    -- ended has lasted as long as we have heard of it (the History Server says 0).
    CASE
        WHEN listing.completed THEN CAST(listing.end_time AS BIGINT)
        ELSE CAST(attempts.last_event_time AS BIGINT)
    END - CAST(listing.start_time AS BIGINT) AS duration_ms,
    coalesce(listing.completed, false) AS completed,
    CASE
        WHEN listing.completed IS NOT TRUE THEN 'running'
        WHEN coalesce(listing.exit_code, 0) = 0 THEN 'succeeded'
        ELSE 'failed'
    END AS status,
    namespaces.namespace,
    attempts.last_event_time
FROM attempts
LEFT JOIN listing
    ON listing.app_id = attempts.app_id AND listing.attempt_id = attempts.attempt_id
LEFT JOIN namespaces
    ON namespaces.app_id = attempts.app_id AND namespaces.attempt_id = attempts.attempt_id
