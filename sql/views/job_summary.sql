-- A row is a job, for reading: how long, how its stages and tasks ended, and what the stage
-- attempts that ran for it add up to. A stage that several jobs wait for counts for each of them,
-- as its tasks do in Spark; what a job skips has been counted where it ran. Shares are as in
-- `stage_summary`.
-- Spark: LiveJob, as in `jobs`; LiveStage.jobs says which stages ran for it (see job_stage_lives).
-- The sums are ours.
WITH stage_sums AS (
    SELECT
        lives.app_id,
        lives.attempt_id,
        lives.job_id,
        sum(stages.executor_run_time_ms) AS executor_run_time_ms,
        sum(stages.executor_cpu_time_ns) AS executor_cpu_time_ns,
        sum(stages.jvm_gc_time_ms) AS jvm_gc_time_ms,
        sum(stages.memory_bytes_spilled) AS memory_bytes_spilled,
        sum(stages.disk_bytes_spilled) AS disk_bytes_spilled,
        sum(stages.input_bytes) AS input_bytes,
        sum(stages.output_bytes) AS output_bytes,
        sum(stages.shuffle_read_bytes) AS shuffle_read_bytes,
        sum(stages.shuffle_write_bytes) AS shuffle_write_bytes
    FROM job_stage_lives AS lives
    JOIN stages
        ON stages.app_id = lives.app_id
        AND coalesce(stages.attempt_id, '') = lives.attempt_id
        AND stages.stage_id = lives.stage_id
        AND stages.stage_attempt_id = lives.stage_attempt_id
    WHERE lives.counts_from IS NOT NULL AND lives.is_last
    GROUP BY lives.app_id, lives.attempt_id, lives.job_id
)
SELECT
    jobs.app_id,
    jobs.attempt_id,
    applications.app_name,
    jobs.job_id,
    jobs.name,
    jobs.description,
    jobs.job_group,
    jobs.status,
    jobs.submission_time,
    -- A running one has lasted as long as we have heard of its application.
    CAST(
        CASE jobs.status
            WHEN 'RUNNING' THEN applications.last_event_time
            ELSE jobs.completion_time
        END AS BIGINT
    ) - CAST(jobs.submission_time AS BIGINT) AS duration_ms,
    jobs.num_active_stages,
    jobs.num_completed_stages,
    jobs.num_skipped_stages,
    jobs.num_failed_stages,
    jobs.num_tasks,
    jobs.num_active_tasks,
    jobs.num_completed_tasks,
    jobs.num_skipped_tasks,
    jobs.num_failed_tasks,
    jobs.num_killed_tasks,
    coalesce(stage_sums.executor_run_time_ms, 0) AS executor_run_time_ms,
    stage_sums.executor_cpu_time_ns / 1e6 / NULLIF(stage_sums.executor_run_time_ms, 0)
        AS cpu_share,
    CAST(stage_sums.jvm_gc_time_ms AS DOUBLE) / NULLIF(stage_sums.executor_run_time_ms, 0)
        AS gc_share,
    coalesce(stage_sums.memory_bytes_spilled, 0) AS memory_bytes_spilled,
    coalesce(stage_sums.disk_bytes_spilled, 0) AS disk_bytes_spilled,
    coalesce(stage_sums.input_bytes, 0) AS input_bytes,
    coalesce(stage_sums.output_bytes, 0) AS output_bytes,
    coalesce(stage_sums.shuffle_read_bytes, 0) AS shuffle_read_bytes,
    coalesce(stage_sums.shuffle_write_bytes, 0) AS shuffle_write_bytes
FROM jobs
JOIN applications
    ON applications.app_id = jobs.app_id
    AND coalesce(applications.attempt_id, '') = coalesce(jobs.attempt_id, '')
LEFT JOIN stage_sums
    ON stage_sums.app_id = jobs.app_id
    AND stage_sums.attempt_id = coalesce(jobs.attempt_id, '')
    AND stage_sums.job_id = jobs.job_id
