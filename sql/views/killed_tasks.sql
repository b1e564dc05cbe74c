-- A row is a reason for which tasks of a stage attempt were killed, and how many were.
-- Spark: LiveStage.killedSummary, AppStatusListener.killedTasksSummary.
SELECT
    tasks.app_id,
    NULLIF(tasks.attempt_id, '') AS attempt_id,
    tasks.stage_id,
    tasks.stage_attempt_id,
    CASE
        WHEN tasks.end_reason = 'TaskKilled' THEN tasks.kill_reason
        ELSE concat(
            'TaskCommitDenied (Driver denied task commit) for job: ', tasks.commit_job_id,
            ', partition: ', tasks.commit_partition_id,
            ', attemptNumber: ', tasks.commit_attempt_number)
    END AS reason,
    count(*) AS num_tasks
FROM stage_totals AS totals
JOIN stage_task_ends AS tasks
    ON tasks.app_id = totals.app_id
    AND tasks.attempt_id = totals.attempt_id
    AND tasks.stage_id = totals.stage_id
    AND tasks.stage_attempt_id = totals.stage_attempt_id
WHERE totals.num_killed > 0 AND tasks.end_reason IN ('TaskKilled', 'TaskCommitDenied')
GROUP BY 1, 2, 3, 4, 5
