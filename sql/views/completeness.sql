-- A row is an application attempt and how much of its log is in the lake: which segments are
-- present, missing, cut or with lines in quarantine, and how sure its totals are.
--   exact: the whole log, from its start to its end
--   so_far: everything up to now of one that has not ended; its last line may be cut
--   at_least: events are missing, or may be: of a lost application, the driver died with some
-- A missing segment is told by its neighbours' numbers, so that one behind the last is not missed,
-- and none of a dated log is. Segments before a compacted one are not missing; compaction has
-- dropped events of ended jobs.
WITH segments AS (
    SELECT
        app_id,
        coalesce(attempt_id, '') AS attempt_id,
        uri,
        segment,
        layout,
        events
    FROM sources
    WHERE state = 'counted' AND events > 0
),
logs AS (
    SELECT
        app_id,
        attempt_id,
        count(*) AS num_segments,
        array_agg(segment ORDER BY segment) AS present,
        min(segment) AS first_segment,
        max(segment) AS last_segment,
        max(segment) FILTER (WHERE layout = 'compacted') AS compacted_to,
        -- The file that is written now may have no number yet.
        max(segment) FILTER (WHERE layout IN ('rolling', 'compacted') AND segment < 92000000)
            AS last_number,
        sum(events) AS num_events
    FROM segments
    GROUP BY app_id, attempt_id
),
gaps AS (
    SELECT
        *,
        -- EMR counts from 0.
        coalesce(compacted_to + 1, least(first_segment, 1)) AS first_number
    FROM logs
),
missing AS (
    SELECT
        *,
        -- As many at most are looked for. (LEAST takes no notice of NULL.)
        CASE WHEN last_number IS NOT NULL
            THEN array_except(
                range(first_number, least(last_number + 1, first_number + 100000)),
                present)
        END AS missing
    FROM gaps
),
damages AS (
    SELECT
        segments.app_id,
        segments.attempt_id,
        segments.segment,
        bool_or(bad.reason IN ('truncated_line', 'truncated_stream')) AS is_truncated,
        bool_or(bad.reason NOT IN ('truncated_line', 'truncated_stream')) AS is_quarantined,
        count(*) AS num_quarantined
    FROM segments
    JOIN lake.quarantine AS bad
        ON bad.app_id = segments.app_id
        AND bad.attempt_id = segments.attempt_id
        AND bad.source = segments.uri
    GROUP BY segments.app_id, segments.attempt_id, segments.segment
),
damaged AS (
    SELECT
        app_id,
        attempt_id,
        array_agg(segment ORDER BY segment) FILTER (WHERE is_truncated) AS truncated,
        array_agg(segment ORDER BY segment) FILTER (WHERE is_quarantined) AS quarantined,
        min(segment) AS first_damaged,
        sum(num_quarantined) AS num_quarantined
    FROM damages
    GROUP BY app_id, attempt_id
),
excluded AS (
    SELECT app_id, attempt_id, value AS patterns
    FROM environment
    WHERE section = 'spark_properties' AND name = 'spark.eventLog.excludedPatterns'
),
told AS (
    SELECT
        missing.*,
        damaged.truncated,
        damaged.quarantined,
        coalesce(damaged.num_quarantined, 0) AS num_quarantined,
        applications.start_time IS NOT NULL AS has_start,
        applications.completed AS has_end,
        applications.status,
        excluded.patterns,
        -- Of a log that is written now, the last line may be half there.
        damaged.first_damaged = missing.last_segment AND damaged.quarantined IS NULL
            AS is_damaged_at_its_end
    FROM missing
    JOIN applications
        ON applications.app_id = missing.app_id
        AND coalesce(applications.attempt_id, '') = missing.attempt_id
    LEFT JOIN damaged
        ON damaged.app_id = missing.app_id AND damaged.attempt_id = missing.attempt_id
    LEFT JOIN excluded
        ON excluded.app_id = missing.app_id
        AND coalesce(excluded.attempt_id, '') = missing.attempt_id
)
SELECT
    app_id,
    NULLIF(attempt_id, '') AS attempt_id,
    has_start,
    has_end,
    num_segments,
    num_events,
    present AS segments_present,
    coalesce(missing, make_array()) AS segments_missing,
    coalesce(truncated, make_array()) AS segments_truncated,
    coalesce(quarantined, make_array()) AS segments_quarantined,
    num_quarantined,
    compacted_to AS segments_compacted_to,
    CASE
        WHEN NOT has_start
            OR array_length(missing) > 0
            OR compacted_to IS NOT NULL
            OR patterns <> ''
            OR status = 'lost'
            THEN 'at_least'
        WHEN has_end AND num_quarantined = 0 THEN 'exact'
        WHEN NOT has_end AND (num_quarantined = 0 OR is_damaged_at_its_end) THEN 'so_far'
        ELSE 'at_least'
    END AS totals,
    concat_ws(
        '; ',
        CASE WHEN NOT has_start THEN 'its start was not seen' END,
        CASE WHEN NOT has_end THEN concat('its end was not seen: it is ', status) END,
        CASE WHEN array_length(missing) > 0
            THEN concat('segments missing: ', array_length(missing)) END,
        CASE WHEN compacted_to IS NOT NULL
            THEN concat('segments up to ', compacted_to, ' were compacted') END,
        CASE WHEN array_length(truncated) > 0
            THEN concat('segments cut: ', array_length(truncated)) END,
        CASE WHEN array_length(quarantined) > 0
            THEN concat('segments with bad lines or damage: ', array_length(quarantined)) END,
        CASE WHEN patterns <> '' THEN concat('Spark left out events like ', patterns) END
    ) AS totals_reason
FROM told
