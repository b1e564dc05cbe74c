-- A row is a job.
-- Spark: LiveJob, AppStatusListener.onJobStart, onJobEnd, and what its onStage... and onTask...
-- methods do to the jobs of a stage (see job_stage_lives).
--
-- A position is segment * 10^11 + line: one number that orders the events of an attempt.
WITH started AS (
    SELECT * FROM lake.job_events WHERE event = 'SparkListenerJobStart'
),
ended AS (
    SELECT * FROM lake.job_events WHERE event = 'SparkListenerJobEnd'
),
plans AS (
    -- A job is named after its last stage. Stages that have completed before are no work for it.
    SELECT
        app_id,
        attempt_id,
        job_id,
        last_value(name ORDER BY stage_id) AS name,
        sum(num_tasks) FILTER (WHERE completion_time IS NULL) AS num_tasks
    FROM lake.stage_events
    WHERE event = 'SparkListenerJobStart'
    GROUP BY app_id, attempt_id, job_id
),
moves AS (
    SELECT
        app_id,
        attempt_id,
        stage_id,
        stage_attempt_id,
        segment * 100000000000 + line AS position,
        'Start' AS outcome,
        task_index,
        CAST(NULL AS BOOLEAN) AS is_repeated
    FROM lake.task_starts
    UNION ALL
    SELECT
        tasks.app_id,
        tasks.attempt_id,
        tasks.stage_id,
        tasks.stage_attempt_id,
        tasks.segment * 100000000000 + tasks.line,
        CASE
            WHEN tasks.end_reason IN ('Success', 'Resubmitted') THEN tasks.end_reason
            WHEN tasks.end_reason IN ('TaskKilled', 'TaskCommitDenied') THEN 'Killed'
            ELSE 'Failed'
        END,
        tasks.task_index,
        odd.is_repeated
    FROM task_oddities AS odd
    RIGHT JOIN lake.task_ends AS tasks
        ON tasks.app_id = odd.app_id
        AND tasks.attempt_id = odd.attempt_id
        AND tasks.task_id = odd.task_id
),
stage_tasks AS (
    SELECT
        app_id,
        attempt_id,
        job_id,
        num_active AS active,
        num_succeeded AS succeeded,
        num_killed AS killed,
        num_ended - num_succeeded - num_killed AS failed,
        num_succeeded AS indices
    FROM job_stage_lives
    WHERE is_whole AND counts_from IS NOT NULL
    UNION ALL
    SELECT
        lives.app_id,
        lives.attempt_id,
        lives.job_id,
        count(*) FILTER (WHERE outcome = 'Start')
            - count(*) FILTER (WHERE outcome IN ('Success', 'Killed', 'Failed')) AS active,
        count(*) FILTER (WHERE outcome = 'Success') AS succeeded,
        count(*) FILTER (WHERE outcome = 'Killed') AS killed,
        count(*) FILTER (WHERE outcome IN ('Failed', 'Resubmitted')) AS failed,
        -- Stage and index in one number, as Spark has them.
        count(*) FILTER (WHERE outcome = 'Success' AND NOT coalesce(is_repeated, false))
            + count(DISTINCT CASE
                WHEN outcome = 'Success' AND is_repeated
                    THEN moves.stage_id * 4294967296 + moves.task_index
            END) AS indices
    FROM job_stage_lives AS lives
    JOIN moves
        ON moves.app_id = lives.app_id
        AND moves.attempt_id = lives.attempt_id
        AND moves.stage_id = lives.stage_id
        AND moves.stage_attempt_id = lives.stage_attempt_id
    WHERE NOT lives.is_whole
        AND lives.counts_from IS NOT NULL
        AND moves.position > lives.counts_from
        AND (lives.counts_to IS NULL OR moves.position <= lives.counts_to)
    GROUP BY lives.app_id, lives.attempt_id, lives.job_id
),
task_counts AS (
    SELECT
        app_id,
        attempt_id,
        job_id,
        sum(active) AS active,
        sum(succeeded) AS succeeded,
        sum(killed) AS killed,
        sum(failed) AS failed,
        sum(indices) AS indices
    FROM stage_tasks
    GROUP BY app_id, attempt_id, job_id
),
of_stages AS (
    -- Per stage, over its attempts: completing adds it to a set, submitting takes it out.
    SELECT
        app_id,
        attempt_id,
        job_id,
        stage_id,
        count(*) FILTER (WHERE counts_from = submitted_at) AS submitted,
        count(*) FILTER (WHERE completes) AS completed,
        count(*) FILTER (WHERE completes AND status = 'FAILED') AS failed,
        max(completed_at) FILTER (WHERE completes AND status = 'COMPLETE')
            > coalesce(max(submitted_at) FILTER (WHERE counts_from = submitted_at), 0)
            AS is_completed,
        sum(num_tasks) FILTER (WHERE is_skipped OR completes AND status = 'SKIPPED')
            AS skipped_tasks
    FROM job_stage_lives
    GROUP BY app_id, attempt_id, job_id, stage_id
),
stage_counts AS (
    SELECT
        app_id,
        attempt_id,
        job_id,
        sum(submitted - completed) AS active,
        count(*) FILTER (WHERE is_completed) AS completed,
        count(skipped_tasks) AS skipped,
        sum(failed) AS failed,
        sum(skipped_tasks) AS skipped_tasks
    FROM of_stages
    GROUP BY app_id, attempt_id, job_id
)
SELECT
    started.app_id,
    NULLIF(started.attempt_id, '') AS attempt_id,
    started.job_id,
    coalesce(plans.name, '') AS name,
    started.description,
    started.job_group,
    CASE
        WHEN ended.job_id IS NULL THEN 'RUNNING'
        WHEN ended.result = 'JobSucceeded' THEN 'SUCCEEDED'
        ELSE 'FAILED'
    END AS status,
    CASE WHEN CAST(started.time AS BIGINT) > 0 THEN started.time END AS submission_time,
    CASE WHEN CAST(ended.time AS BIGINT) > 0 THEN ended.time END AS completion_time,
    started.stage_ids,
    coalesce(plans.num_tasks, 0) AS num_tasks,
    coalesce(task_counts.active, 0) AS num_active_tasks,
    coalesce(task_counts.succeeded, 0) AS num_completed_tasks,
    coalesce(stage_counts.skipped_tasks, 0) AS num_skipped_tasks,
    coalesce(task_counts.failed, 0) AS num_failed_tasks,
    coalesce(task_counts.killed, 0) AS num_killed_tasks,
    coalesce(task_counts.indices, 0) AS num_completed_indices,
    coalesce(stage_counts.active, 0) AS num_active_stages,
    coalesce(stage_counts.completed, 0) AS num_completed_stages,
    coalesce(stage_counts.skipped, 0) AS num_skipped_stages,
    coalesce(stage_counts.failed, 0) AS num_failed_stages
FROM started
LEFT JOIN ended
    ON ended.app_id = started.app_id
    AND ended.attempt_id = started.attempt_id
    AND ended.job_id = started.job_id
LEFT JOIN plans
    ON plans.app_id = started.app_id
    AND plans.attempt_id = started.attempt_id
    AND plans.job_id = started.job_id
LEFT JOIN task_counts
    ON task_counts.app_id = started.app_id
    AND task_counts.attempt_id = started.attempt_id
    AND task_counts.job_id = started.job_id
LEFT JOIN stage_counts
    ON stage_counts.app_id = started.app_id
    AND stage_counts.attempt_id = started.attempt_id
    AND stage_counts.job_id = started.job_id
