-- A row is a stage attempt that ran or runs, for reading: how long, how its tasks ended, and what
-- their time went to. Skipped and pending ones are in `stages` only.
-- Shares are of the time that tasks ran (executor_run_time_ms). They may overlap; deserialising a
-- task and serialising its result are not part of that time, and only compared with it. Scheduler
-- delay is told by each task (see `scheduler_delay`), and so is skew (see `skew`): they are not
-- here.
-- Spark: LiveStage and TaskMetrics, as in `stages`; the shares are ours.
WITH timed AS (
    SELECT
        stages.*,
        applications.app_name,
        -- An active one has lasted as long as we have heard of its application.
        CAST(
            CASE stages.status
                WHEN 'ACTIVE' THEN applications.last_event_time
                ELSE stages.completion_time
            END AS BIGINT
        ) - CAST(stages.submission_time AS BIGINT) AS duration_ms,
        NULLIF(CAST(stages.executor_run_time_ms AS DOUBLE), 0) AS run_ms
    FROM stages
    JOIN applications
        ON applications.app_id = stages.app_id
        AND coalesce(applications.attempt_id, '') = coalesce(stages.attempt_id, '')
    WHERE stages.status IN ('ACTIVE', 'COMPLETE', 'FAILED')
)
SELECT
    app_id,
    attempt_id,
    app_name,
    stage_id,
    stage_attempt_id,
    name,
    description,
    status,
    submission_time,
    duration_ms,
    num_tasks,
    num_active_tasks,
    num_complete_tasks,
    num_failed_tasks,
    num_killed_tasks,
    executor_run_time_ms,
    executor_cpu_time_ns / 1e6 / run_ms AS cpu_share,
    jvm_gc_time_ms / run_ms AS gc_share,
    shuffle_fetch_wait_time_ms / run_ms AS fetch_wait_share,
    shuffle_write_time_ns / 1e6 / run_ms AS shuffle_write_share,
    executor_deserialize_time_ms / run_ms AS deserialize_share,
    result_serialization_time_ms / run_ms AS result_serialization_share,
    memory_bytes_spilled,
    disk_bytes_spilled,
    input_bytes,
    input_records,
    output_bytes,
    output_records,
    shuffle_read_bytes,
    shuffle_read_records,
    shuffle_write_bytes,
    shuffle_write_records,
    failure_reason
FROM timed
