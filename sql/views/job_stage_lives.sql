-- A row is a life of a stage as a job that lists it meets it: from where to where the stage's tasks
-- count for the job, and what they add up to. `jobs` is made of this; attempt_id is '' where Spark
-- gives none.
-- Spark: LiveJob, LiveStage.jobs, AppStatusListener.onJobStart, onStageSubmitted, onStageCompleted.
--
-- shared
--
-- A position is segment * 10^11 + line: one number that orders the events of an attempt.
WITH job_ends AS (
    SELECT *, segment * 100000000000 + line AS position
    FROM lake.job_events
    WHERE event = 'SparkListenerJobEnd'
),
mentions AS (
    SELECT *, segment * 100000000000 + line AS position
    FROM lake.stage_events
    WHERE event = 'SparkListenerJobStart'
),
job_lives AS (
    -- The lives of the stages that a job lists, as the job meets them.
    SELECT
        lives.*,
        mentions.job_id,
        job_ends.position AS job_ended_at,
        NOT lives.ran AND lives.removed_at = job_ends.position AS is_skipped,
        CASE
            -- A stage belongs to the jobs that are there when it is submitted ...
            WHEN mentions.position < lives.submitted_at
                AND (job_ends.position IS NULL OR job_ends.position > lives.submitted_at)
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
    LEFT JOIN job_ends
        ON job_ends.app_id = lives.app_id
        AND job_ends.attempt_id = lives.attempt_id
        AND job_ends.job_id = mentions.job_id
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
)
SELECT
    counted.*,
    totals.active AS num_active,
    totals.num_ended,
    totals.num_succeeded,
    totals.num_killed,
    -- Whether it brings to the job what its tasks add up to. Of the others, the tasks are counted one
    -- by one.
    totals.stage_id IS NULL
        OR counted.is_plain
            AND totals.first_event_at > counted.counts_from
            AND totals.last_event_at <= coalesce(counted.counts_to, totals.last_event_at) AS is_whole
FROM counted
LEFT JOIN stage_totals AS totals
    ON totals.app_id = counted.app_id
    AND totals.attempt_id = counted.attempt_id
    AND totals.stage_id = counted.stage_id
    AND totals.stage_attempt_id = counted.stage_attempt_id
