-- A row is one life of a stage attempt in the listener: from the event that made a LiveStage of it
-- to the event that took it out of liveStages. Only what happens in between counts for the stage
-- and for its jobs. A stage attempt runs once; jobs that mention it before or after give it further
-- lives in which it is pending, then skipped. The History Server shows the last one. `stages` and
-- `jobs` are made of this; attempt_id is '' where Spark gives none.
-- Spark: AppStatusListener.liveStages, getOrCreateStage, onJobEnd, onStageCompleted, onTaskEnd.
--
-- shared
--
-- A position is segment * 10^11 + line: one number that orders the events of an attempt.
WITH events AS (
    SELECT *, segment * 100000000000 + line AS position
    FROM lake.stage_events
),
runs AS (
    SELECT
        app_id,
        attempt_id,
        stage_id,
        stage_attempt_id,
        max(position) FILTER (WHERE event = 'SparkListenerStageSubmitted') AS submitted_at,
        max(position) FILTER (WHERE event = 'SparkListenerStageCompleted') AS completed_at
    FROM events
    GROUP BY app_id, attempt_id, stage_id, stage_attempt_id
),
-- A resubmitted task has ended before: it is not active a second time (SPARK-41187).
moves AS (
    SELECT
        app_id,
        attempt_id,
        stage_id,
        stage_attempt_id,
        segment * 100000000000 + line AS position,
        1 AS step
    FROM lake.task_starts
    UNION ALL
    SELECT
        app_id,
        attempt_id,
        stage_id,
        stage_attempt_id,
        segment * 100000000000 + line,
        -1
    FROM lake.task_ends
    WHERE end_reason IS DISTINCT FROM 'Resubmitted'
),
-- A completed stage stays while tasks of it are active (SPARK-24415). Few do: only a stage whose
-- tasks do not add up, or go on after its completion, is walked task by task.
lingering AS (
    SELECT
        runs.app_id,
        runs.attempt_id,
        runs.stage_id,
        runs.stage_attempt_id,
        runs.completed_at
    FROM runs
    JOIN stage_totals AS activity
        ON activity.app_id = runs.app_id
        AND activity.attempt_id = runs.attempt_id
        AND activity.stage_id = runs.stage_id
        AND activity.stage_attempt_id = runs.stage_attempt_id
    WHERE activity.active <> 0 AND runs.completed_at IS NOT NULL
        OR activity.last_move_at > runs.completed_at
),
walk AS (
    SELECT
        lingering.*,
        moves.position,
        moves.step,
        sum(moves.step) OVER (
            PARTITION BY
                lingering.app_id,
                lingering.attempt_id,
                lingering.stage_id,
                lingering.stage_attempt_id
            ORDER BY moves.position
        ) AS active
    FROM lingering
    JOIN moves
        ON moves.app_id = lingering.app_id
        AND moves.attempt_id = lingering.attempt_id
        AND moves.stage_id = lingering.stage_id
        AND moves.stage_attempt_id = lingering.stage_attempt_id
),
removals AS (
    SELECT
        app_id,
        attempt_id,
        stage_id,
        stage_attempt_id,
        CASE
            WHEN coalesce(sum(step) FILTER (WHERE position < completed_at), 0) = 0
                THEN completed_at
            ELSE min(position) FILTER (WHERE position > completed_at AND active = 0 AND step = -1)
        END AS removed_at
    FROM walk
    GROUP BY app_id, attempt_id, stage_id, stage_attempt_id, completed_at
),
spans AS (
    SELECT
        runs.*,
        coalesce(runs.submitted_at, runs.completed_at) AS run_from,
        CASE WHEN removals.stage_id IS NULL THEN runs.completed_at ELSE removals.removed_at END
            AS run_to
    FROM runs
    LEFT JOIN removals
        ON removals.app_id = runs.app_id
        AND removals.attempt_id = runs.attempt_id
        AND removals.stage_id = runs.stage_id
        AND removals.stage_attempt_id = runs.stage_attempt_id
),
-- The end of a job ends the pending life of every stage that it lists, whichever the attempt.
job_ends AS (
    SELECT
        listed.app_id,
        listed.attempt_id,
        listed.stage_id,
        ends.segment * 100000000000 + ends.line AS position
    FROM lake.stage_events AS listed
    JOIN lake.job_events AS ends
        ON ends.app_id = listed.app_id
        AND ends.attempt_id = listed.attempt_id
        AND ends.job_id = listed.job_id
    WHERE listed.event = 'SparkListenerJobStart' AND ends.event = 'SparkListenerJobEnd'
),
placed AS (
    SELECT
        events.app_id,
        events.attempt_id,
        events.stage_id,
        events.stage_attempt_id,
        events.position,
        spans.submitted_at,
        spans.completed_at,
        spans.run_from,
        spans.run_to,
        min(job_ends.position) AS next_job_end_at
    FROM events
    JOIN spans
        ON spans.app_id = events.app_id
        AND spans.attempt_id = events.attempt_id
        AND spans.stage_id = events.stage_id
        AND spans.stage_attempt_id = events.stage_attempt_id
    LEFT JOIN job_ends
        ON job_ends.app_id = events.app_id
        AND job_ends.attempt_id = events.attempt_id
        AND job_ends.stage_id = events.stage_id
        AND job_ends.position > events.position
    GROUP BY
        events.app_id,
        events.attempt_id,
        events.stage_id,
        events.stage_attempt_id,
        events.position,
        spans.submitted_at,
        spans.completed_at,
        spans.run_from,
        spans.run_to
),
sorted AS (
    SELECT
        *,
        position BETWEEN run_from AND coalesce(run_to, position)
            OR position < run_from AND coalesce(next_job_end_at > run_from, true) AS of_run
    FROM placed
),
lives AS (
    SELECT
        app_id,
        attempt_id,
        stage_id,
        stage_attempt_id,
        min(position) AS born_at,
        max(position) AS informed_at,
        CASE WHEN of_run THEN submitted_at END AS submitted_at,
        CASE WHEN of_run THEN completed_at END AS completed_at,
        CASE WHEN of_run THEN run_to ELSE next_job_end_at END AS removed_at,
        coalesce(of_run, false) AS ran
    FROM sorted
    GROUP BY
        app_id,
        attempt_id,
        stage_id,
        stage_attempt_id,
        CASE WHEN of_run THEN submitted_at END,
        CASE WHEN of_run THEN completed_at END,
        CASE WHEN of_run THEN run_to ELSE next_job_end_at END,
        coalesce(of_run, false)
)
SELECT
    lives.app_id,
    lives.attempt_id,
    lives.stage_id,
    lives.stage_attempt_id,
    lives.born_at,
    lives.submitted_at,
    lives.completed_at,
    lives.removed_at,
    lives.ran,
    lives.born_at = max(lives.born_at) OVER (
        PARTITION BY lives.app_id, lives.attempt_id, lives.stage_id, lives.stage_attempt_id
    ) AS is_last,
    CASE
        WHEN lives.completed_at IS NOT NULL THEN
            CASE
                WHEN info.failure_reason IS NOT NULL THEN 'FAILED'
                WHEN info.submission_time IS NOT NULL THEN 'COMPLETE'
                -- Old logs give the submission time at the end only (SPARK-20205).
                ELSE 'SKIPPED'
            END
        WHEN lives.submitted_at IS NOT NULL THEN 'ACTIVE'
        WHEN lives.removed_at IS NOT NULL THEN 'SKIPPED'
        ELSE 'PENDING'
    END AS status,
    info.name,
    info.num_tasks,
    info.submission_time,
    info.completion_time,
    info.failure_reason,
    coalesce(info.resource_profile_id, 0) AS resource_profile_id,
    -- These two come with the submission's properties only.
    submission.description,
    coalesce(submission.scheduling_pool, 'default') AS scheduling_pool,
    -- A stage is removed when no task of it is active.
    CASE WHEN lives.ran AND lives.removed_at IS NULL THEN coalesce(activity.active, 0) ELSE 0 END
        AS num_active_tasks,
    CASE
        WHEN lives.ran
            AND activity.first_move_at <= coalesce(lives.removed_at, activity.first_move_at)
            THEN activity.first_launch_time
    END AS first_task_launched_time,
    -- Whether it is what its tasks add up to: every start has its end, all ends came while it lived,
    -- and no index can have succeeded twice.
    lives.ran
        AND (activity.stage_id IS NULL
            OR activity.is_matched
                AND NOT activity.is_retried
                AND activity.last_end_at <= coalesce(lives.removed_at, activity.last_end_at)
        ) AS is_plain
FROM lives
-- Every event brings the whole StageInfo: the last one holds.
JOIN events AS info
    ON info.app_id = lives.app_id
    AND info.attempt_id = lives.attempt_id
    AND info.stage_id = lives.stage_id
    AND info.stage_attempt_id = lives.stage_attempt_id
    AND info.position = lives.informed_at
LEFT JOIN events AS submission
    ON submission.app_id = lives.app_id
    AND submission.attempt_id = lives.attempt_id
    AND submission.stage_id = lives.stage_id
    AND submission.stage_attempt_id = lives.stage_attempt_id
    AND submission.position = lives.submitted_at
LEFT JOIN stage_totals AS activity
    ON activity.app_id = lives.app_id
    AND activity.attempt_id = lives.attempt_id
    AND activity.stage_id = lives.stage_id
    AND activity.stage_attempt_id = lives.stage_attempt_id
-- The completion of a stage that is not there is ignored.
WHERE NOT lives.ran OR lives.submitted_at IS NOT NULL OR lives.born_at < lives.completed_at
