-- A row is a reason for which tasks of a stage attempt were killed, and how many were.
-- Spark: LiveStage.killedSummary, AppStatusListener.killedTasksSummary.
SELECT
    app_id,
    NULLIF(attempt_id, '') AS attempt_id,
    stage_id,
    stage_attempt_id,
    CASE
        WHEN end_reason = 'TaskKilled' THEN kill_reason
        ELSE concat(
            'TaskCommitDenied (Driver denied task commit) for job: ', commit_job_id,
            ', partition: ', commit_partition_id,
            ', attemptNumber: ', commit_attempt_number)
    END AS reason,
    count(*) AS num_tasks
FROM stage_task_ends
WHERE end_reason IN ('TaskKilled', 'TaskCommitDenied')
GROUP BY 1, 2, 3, 4, 5
