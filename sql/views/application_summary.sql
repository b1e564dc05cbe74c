-- A row is an application attempt, for reading: how it went, what it was made of, and what its
-- tasks add up to. Shares are as in `stage_summary`. `completeness` says how sure the totals are.
-- Spark: what `applications`, `jobs`, `stages` and `executors` have. The sums are ours.
WITH job_counts AS (
    SELECT
        app_id,
        attempt_id,
        count(*) AS num_jobs,
        count(*) FILTER (WHERE status = 'FAILED') AS num_failed_jobs
    FROM jobs
    GROUP BY app_id, attempt_id
),
stage_sums AS (
    SELECT
        app_id,
        attempt_id,
        count(*) FILTER (WHERE status IN ('ACTIVE', 'COMPLETE', 'FAILED')) AS num_stages,
        count(*) FILTER (WHERE status = 'SKIPPED') AS num_skipped_stages,
        count(*) FILTER (WHERE status = 'FAILED') AS num_failed_stages,
        sum(num_active_tasks) AS num_active_tasks,
        sum(num_complete_tasks) AS num_complete_tasks,
        sum(num_failed_tasks) AS num_failed_tasks,
        sum(num_killed_tasks) AS num_killed_tasks,
        sum(executor_run_time_ms) AS executor_run_time_ms,
        sum(executor_cpu_time_ns) AS executor_cpu_time_ns,
        sum(jvm_gc_time_ms) AS jvm_gc_time_ms,
        sum(memory_bytes_spilled) AS memory_bytes_spilled,
        sum(disk_bytes_spilled) AS disk_bytes_spilled,
        sum(input_bytes) AS input_bytes,
        sum(output_bytes) AS output_bytes,
        sum(shuffle_read_bytes) AS shuffle_read_bytes,
        sum(shuffle_write_bytes) AS shuffle_write_bytes
    FROM stages
    GROUP BY app_id, attempt_id
),
executor_counts AS (
    -- The driver is none. It has cores where it runs the tasks (local mode), and there is no other
    -- then. All that ever were are counted, also if one came in the place of another.
    SELECT
        app_id,
        attempt_id,
        count(*) FILTER (WHERE executor_id <> 'driver') AS num_executors,
        sum(total_cores) AS total_cores
    FROM executors
    GROUP BY app_id, attempt_id
)
SELECT
    applications.app_id,
    applications.attempt_id,
    applications.app_name,
    applications.spark_user,
    applications.app_spark_version,
    applications.status,
    applications.start_time,
    applications.duration_ms,
    coalesce(executor_counts.num_executors, 0) AS num_executors,
    coalesce(executor_counts.total_cores, 0) AS total_cores,
    coalesce(job_counts.num_jobs, 0) AS num_jobs,
    coalesce(job_counts.num_failed_jobs, 0) AS num_failed_jobs,
    coalesce(stage_sums.num_stages, 0) AS num_stages,
    coalesce(stage_sums.num_skipped_stages, 0) AS num_skipped_stages,
    coalesce(stage_sums.num_failed_stages, 0) AS num_failed_stages,
    coalesce(stage_sums.num_active_tasks, 0) AS num_active_tasks,
    coalesce(stage_sums.num_complete_tasks, 0) AS num_complete_tasks,
    coalesce(stage_sums.num_failed_tasks, 0) AS num_failed_tasks,
    coalesce(stage_sums.num_killed_tasks, 0) AS num_killed_tasks,
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
FROM applications
LEFT JOIN job_counts
    ON job_counts.app_id = applications.app_id
    AND coalesce(job_counts.attempt_id, '') = coalesce(applications.attempt_id, '')
LEFT JOIN stage_sums
    ON stage_sums.app_id = applications.app_id
    AND coalesce(stage_sums.attempt_id, '') = coalesce(applications.attempt_id, '')
LEFT JOIN executor_counts
    ON executor_counts.app_id = applications.app_id
    AND coalesce(executor_counts.attempt_id, '') = coalesce(applications.attempt_id, '')
