-- A row is an executor (the driver included) or a stage attempt of which garbage collection takes a
-- large share of the time: `scope` says which.
-- Spark's executors page (totalDurationStyle of executorspage.js) paints an executor red whose
-- collections took more than a tenth of the time of its tasks; of the driver, of the time of its
-- application (see `executors`). Dr. Elephant (ExecutorGcHeuristic, StagesAnalyzer.checkForGC) has
-- 0.08 as low, 0.09 as moderate, 0.1 as severe and 0.15 as critical, of all executors together and
-- of the median task of a stage, and does not judge executors that lived for less than 5 minutes
-- together. Here that is asked of each executor and stage.
-- A collection stops all tasks of an executor and counts for each of them: so does the time.
WITH measured AS (
    SELECT
        app_id,
        attempt_id,
        'executor' AS scope,
        executor_id,
        CAST(NULL AS BIGINT) AS stage_id,
        CAST(NULL AS BIGINT) AS stage_attempt_id,
        total_gc_time_ms AS gc_time_ms,
        total_duration_ms AS time_ms
    FROM executors
    UNION ALL
    SELECT
        app_id,
        attempt_id,
        'stage',
        NULL,
        stage_id,
        stage_attempt_id,
        jvm_gc_time_ms,
        executor_run_time_ms
    FROM stages
)
SELECT
    *,
    CAST(gc_time_ms AS DOUBLE) / time_ms AS gc_share
FROM measured
WHERE time_ms > 0
    AND time_ms >= 1000 * (SELECT value FROM thresholds WHERE name = 'gc_min_duration')
    AND gc_time_ms > time_ms * (SELECT value FROM thresholds WHERE name = 'gc_ratio')
