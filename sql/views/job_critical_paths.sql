-- A row is a job, with the time that it would take if every task of it ran at once: the longest path
-- through its stages, each of which takes as long as its longest task. critical_path_ms is NULL where
-- a stage has completed of which no task was seen to succeed.
-- Sparklens: JobTimeSpan.computeCriticalTimeForJob. A stage waits for those that it reads from
-- (StageInfo.parentIds); what the job skips takes no time. Three things differ. Of tasks, those that
-- succeeded count, by executor run time: Sparklens takes the failed and killed ones too, though the
-- stage would have been complete without them. A stage that has failed or that runs counts as far as
-- its tasks have come, not only one that has completed. And a stage that several jobs wait for counts
-- for each of them, not for the last one that lists it.
WITH longest AS (
    SELECT
        app_id,
        attempt_id,
        stage_id,
        stage_attempt_id,
        max(executor_run_time_ms) AS longest_task_ms
    FROM lake.task_ends
    WHERE end_reason = 'Success'
    GROUP BY app_id, attempt_id, stage_id, stage_attempt_id
),
-- Attempts of a stage do the same work: the longest task of any of them holds.
ran AS (
    SELECT
        lives.app_id,
        lives.attempt_id,
        lives.job_id,
        lives.stage_id,
        max(longest.longest_task_ms) AS longest_task_ms,
        max(longest.longest_task_ms) IS NULL
            AND bool_or(lives.status = 'COMPLETE' AND lives.num_tasks > 0) AS is_unknown
    FROM job_stage_lives AS lives
    LEFT JOIN longest
        ON longest.app_id = lives.app_id
        AND longest.attempt_id = lives.attempt_id
        AND longest.stage_id = lives.stage_id
        AND longest.stage_attempt_id = lives.stage_attempt_id
    WHERE lives.counts_from IS NOT NULL
    GROUP BY lives.app_id, lives.attempt_id, lives.job_id, lives.stage_id
),
paths AS (
    SELECT
        listed.app_id,
        listed.attempt_id,
        listed.job_id,
        max(ran.longest_task_ms) AS longest_task_ms,
        longest_path(listed.stage_id, listed.parent_ids, coalesce(ran.longest_task_ms, 0))
            AS critical_path_ms,
        bool_or(coalesce(ran.is_unknown, false)) AS is_unknown
    FROM lake.stage_events AS listed
    LEFT JOIN ran
        ON ran.app_id = listed.app_id
        AND ran.attempt_id = listed.attempt_id
        AND ran.job_id = listed.job_id
        AND ran.stage_id = listed.stage_id
    WHERE listed.event = 'SparkListenerJobStart'
    GROUP BY listed.app_id, listed.attempt_id, listed.job_id
)
SELECT
    starts.app_id,
    NULLIF(starts.attempt_id, '') AS attempt_id,
    starts.job_id,
    starts.time AS submission_time,
    ends.time AS completion_time,
    CAST(ends.time AS BIGINT) - CAST(starts.time AS BIGINT) AS duration_ms,
    paths.longest_task_ms,
    CASE WHEN NOT coalesce(paths.is_unknown, false) THEN coalesce(paths.critical_path_ms, 0) END
        AS critical_path_ms
FROM lake.job_events AS starts
LEFT JOIN lake.job_events AS ends
    ON ends.app_id = starts.app_id
    AND ends.attempt_id = starts.attempt_id
    AND ends.job_id = starts.job_id
    AND ends.event = 'SparkListenerJobEnd'
LEFT JOIN paths
    ON paths.app_id = starts.app_id
    AND paths.attempt_id = starts.attempt_id
    AND paths.job_id = starts.job_id
WHERE starts.event = 'SparkListenerJobStart'
