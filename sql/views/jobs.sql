-- A row is a job.
-- Spark: LiveJob, AppStatusListener.onJobStart, onJobEnd, and what its onStage... and onTask...
-- methods do to the jobs of a stage.
--
-- A position is segment * 10^11 + line: one number that orders the events of an attempt.
WITH started AS (
    SELECT *, segment * 100000000000 + line AS position
    FROM lake.job_events
    WHERE event = 'SparkListenerJobStart'
),
ended AS (
    SELECT *, segment * 100000000000 + line AS position
    FROM lake.job_events
    WHERE event = 'SparkListenerJobEnd'
),
mentions AS (
    SELECT *, segment * 100000000000 + line AS position
    FROM lake.stage_events
    WHERE event = 'SparkListenerJobStart'
),
plans AS (
    -- A job is named after its last stage. Stages that have completed before are no work for it.
    SELECT
        app_id,
        attempt_id,
        job_id,
        last_value(name ORDER BY stage_id) AS name,
        sum(num_tasks) FILTER (WHERE completion_time IS NULL) AS num_tasks
    FROM mentions
    GROUP BY app_id, attempt_id, job_id
),
job_lives AS (
    -- The lives of the stages that a job lists, as the job meets them.
    SELECT
        lives.*,
        mentions.job_id,
        ended.position AS job_ended_at,
        NOT lives.ran AND lives.removed_at = ended.position AS is_skipped,
        CASE
            -- A stage belongs to the jobs that are there when it is submitted ...
            WHEN mentions.position < lives.submitted_at
                AND (ended.position IS NULL OR ended.position > lives.submitted_at)
                THEN lives.submitted_at
            -- ... and to those that mention it while it runs.
            WHEN mentions.stage_attempt_id = lives.stage_attempt_id
                AND lives.ran
                AND mentions.position >= coalesce(lives.submitted_at, lives.born_at)
                AND mentions.position < coalesce(lives.removed_at, mentions.position + 1)
                THEN mentions.position
        END AS counts_from
    FROM stage_lives AS lives
    JOIN mentions
        ON mentions.app_id = lives.app_id
        AND mentions.attempt_id = lives.attempt_id
        AND mentions.stage_id = lives.stage_id
    LEFT JOIN ended
        ON ended.app_id = lives.app_id
        AND ended.attempt_id = lives.attempt_id
        AND ended.job_id = mentions.job_id
),
written AS (
    -- A job is written when it ends, and again when the last task of a stage outlives it.
    SELECT
        *,
        CASE WHEN job_ended_at IS NOT NULL THEN
            greatest(
                job_ended_at,
                max(CASE WHEN removed_at > completed_at THEN removed_at END) OVER (
                    PARTITION BY app_id, attempt_id, job_id
                )
            )
        END AS written_at
    FROM job_lives
    WHERE counts_from IS NOT NULL OR is_skipped
),
counted AS (
    SELECT
        *,
        least(removed_at, written_at) AS counts_to,
        -- Whether the job is there when the stage completes.
        coalesce(
            completed_at > counts_from AND completed_at <= coalesce(written_at, completed_at),
            false
        ) AS completes
    FROM written
),
placed AS (
    -- Whether a stage brings to the job what its tasks add up to.
    SELECT
        counted.app_id,
        counted.attempt_id,
        counted.job_id,
        counted.stage_id,
        counted.stage_attempt_id,
        counted.counts_from,
        counted.counts_to,
        totals.active,
        totals.num_ended,
        totals.num_succeeded,
        totals.num_killed,
        coalesce(
            counted.is_plain
                AND totals.first_event_at > counted.counts_from
                AND totals.last_event_at <= coalesce(counted.counts_to, totals.last_event_at),
            false) AS is_whole
    FROM counted
    JOIN stage_totals AS totals
        ON totals.app_id = counted.app_id
        AND totals.attempt_id = counted.attempt_id
        AND totals.stage_id = counted.stage_id
        AND totals.stage_attempt_id = counted.stage_attempt_id
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
        active,
        num_succeeded AS succeeded,
        num_killed AS killed,
        num_ended - num_succeeded - num_killed AS failed,
        num_succeeded AS indices
    FROM placed
    WHERE is_whole
    UNION ALL
    SELECT
        placed.app_id,
        placed.attempt_id,
        placed.job_id,
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
    FROM placed
    JOIN moves
        ON moves.app_id = placed.app_id
        AND moves.attempt_id = placed.attempt_id
        AND moves.stage_id = placed.stage_id
        AND moves.stage_attempt_id = placed.stage_attempt_id
    WHERE NOT placed.is_whole
        AND moves.position > placed.counts_from
        AND (placed.counts_to IS NULL OR moves.position <= placed.counts_to)
    GROUP BY placed.app_id, placed.attempt_id, placed.job_id
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
job_stages AS (
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
    FROM counted
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
    FROM job_stages
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
