-- A row is something that `stagelight doctor` has to say about what is in the lake.
WITH totals AS (
    SELECT
        count(*) AS num_segments,
        -- What is no log has no events, and is no application.
        count(DISTINCT app_id) FILTER (WHERE events > 0) AS num_applications,
        CAST(now() AS BIGINT) / 1000000 - CAST(max(ingested_at) AS BIGINT) AS age_ms
    FROM sources
),
-- What was there before the lake was not waited for.
latencies AS (
    SELECT CAST(ingested_at AS BIGINT) - CAST(modified_at AS BIGINT) AS latency_ms
    FROM sources
    WHERE modified_at > greatest(now() - INTERVAL '7 days', (SELECT min(ingested_at) FROM sources))
),
late AS (
    SELECT
        count(*) AS num,
        approx_percentile_cont(0.99) WITHIN GROUP (ORDER BY latency_ms) AS p99_ms,
        (SELECT value * 1000 FROM thresholds WHERE name = 'queryable_within') AS wanted_ms
    FROM latencies
),
bad AS (
    SELECT count(*) AS num FROM quarantine WHERE seen_at > now() - INTERVAL '1 day'
),
said AS (
    SELECT
        1 AS place,
        'good' AS verdict,
        concat(num_segments, CASE WHEN num_segments = 1 THEN ' file' ELSE ' files' END,
            ' of ', num_applications, CASE WHEN num_applications = 1 THEN ' application' ELSE ' applications' END,
            coalesce(', the newest read ' || duration(age_ms) || ' ago', '')) AS found,
        CAST(NULL AS VARCHAR) AS advice
    FROM totals
    UNION ALL
    SELECT
        2,
        CASE WHEN p99_ms > wanted_ms THEN 'better' ELSE 'good' END,
        concat('of 100 files of the last week, 99 were in the lake within ', duration(p99_ms),
            ' of being written'),
        CASE WHEN p99_ms > wanted_ms THEN 'more workers, or `watch` where files grow; 10 minutes are wanted '
            || 'unless --threshold queryable_within says another time' END
    FROM late
    WHERE num > 0
    UNION ALL
    SELECT
        3,
        'better',
        concat(num, CASE WHEN num = 1 THEN ' line or file' ELSE ' lines or files' END,
            ' went to quarantine within a day'),
        'which, and why: SELECT * FROM quarantine ORDER BY seen_at DESC'
    FROM bad
    WHERE num > 0
)
SELECT verdict, found, advice FROM said ORDER BY place
