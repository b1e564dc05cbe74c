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
FROM stage_lives AS lives
JOIN lake.task_ends AS tasks
    ON tasks.app_id = lives.app_id
    AND tasks.attempt_id = lives.attempt_id
    AND tasks.stage_id = lives.stage_id
    AND tasks.stage_attempt_id = lives.stage_attempt_id
WHERE lives.is_last
    AND lives.ran
    AND tasks.end_reason IN ('TaskKilled', 'TaskCommitDenied')
    AND (lives.removed_at IS NULL
        OR tasks.segment * 100000000000 + tasks.line <= lives.removed_at)
GROUP BY 1, 2, 3, 4, 5
