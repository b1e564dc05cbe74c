-- A row is what an application attempt adds up to. It follows from its events alone: what the present
-- time decides (that it is lost) is none of it. What runs is not counted before it has ended.
WITH durations AS (
    SELECT
        app_id,
        coalesce(attempt_id, '') AS attempt_id,
        'stage' AS kind,
        CAST(completion_time AS BIGINT) - CAST(submission_time AS BIGINT) AS duration_ms
    FROM stages
    WHERE status IN ('COMPLETE', 'FAILED')
    UNION ALL
    SELECT
        app_id,
        coalesce(attempt_id, ''),
        'job',
        CAST(completion_time AS BIGINT) - CAST(submission_time AS BIGINT)
    FROM jobs
    WHERE status IN ('SUCCEEDED', 'FAILED')
    UNION ALL
    SELECT app_id, coalesce(attempt_id, ''), 'sql_execution', duration_ms
    FROM sql_executions
    WHERE status IN ('COMPLETED', 'FAILED')
),
within AS (
    SELECT
        durations.app_id,
        durations.attempt_id,
        durations.kind,
        bounds.bound,
        count(*) FILTER (WHERE durations.duration_ms <= bounds.le_ms) AS ended,
        sum(durations.duration_ms) AS duration_ms
    FROM durations
    CROSS JOIN duration_bounds AS bounds
    WHERE durations.duration_ms IS NOT NULL AND array_has($app_ids, durations.app_id)
    GROUP BY durations.app_id, durations.attempt_id, durations.kind, bounds.bound
),
histograms AS (
    SELECT
        app_id,
        attempt_id,
        array_agg(ended ORDER BY bound) FILTER (WHERE kind = 'stage') AS stage_durations,
        max(duration_ms) FILTER (WHERE kind = 'stage') AS stage_duration_ms,
        array_agg(ended ORDER BY bound) FILTER (WHERE kind = 'job') AS job_durations,
        max(duration_ms) FILTER (WHERE kind = 'job') AS job_duration_ms,
        array_agg(ended ORDER BY bound) FILTER (WHERE kind = 'sql_execution')
            AS sql_execution_durations,
        max(duration_ms) FILTER (WHERE kind = 'sql_execution') AS sql_execution_duration_ms
    FROM within
    GROUP BY app_id, attempt_id
),
job_counts AS (
    SELECT
        app_id,
        attempt_id,
        count(*) FILTER (WHERE status = 'RUNNING') AS num_running_jobs,
        count(*) FILTER (WHERE status = 'SUCCEEDED') AS num_succeeded_jobs,
        count(*) FILTER (WHERE status = 'FAILED') AS num_failed_jobs
    FROM jobs
    WHERE array_has($app_ids, app_id)
    GROUP BY app_id, attempt_id
),
sql_counts AS (
    SELECT
        app_id,
        attempt_id,
        count(*) FILTER (WHERE status = 'RUNNING') AS num_running_sql_executions,
        count(*) FILTER (WHERE status = 'COMPLETED') AS num_completed_sql_executions,
        count(*) FILTER (WHERE status = 'FAILED') AS num_failed_sql_executions
    FROM sql_executions
    WHERE array_has($app_ids, app_id)
    GROUP BY app_id, attempt_id
),
stage_counts AS (
    SELECT
        app_id,
        attempt_id,
        count(*) FILTER (WHERE status = 'COMPLETE') AS num_complete_stages,
        count(*) FILTER (WHERE status = 'FAILED') AS num_failed_stages,
        count(*) FILTER (WHERE status = 'SKIPPED') AS num_skipped_stages,
        sum(executor_run_time_ms) AS executor_run_time_ms,
        sum(executor_cpu_time_ns) AS executor_cpu_time_ns,
        sum(jvm_gc_time_ms) AS jvm_gc_time_ms,
        sum(shuffle_fetch_wait_time_ms) AS shuffle_fetch_wait_time_ms,
        sum(memory_bytes_spilled) AS memory_bytes_spilled,
        sum(disk_bytes_spilled) AS disk_bytes_spilled,
        sum(input_bytes) AS input_bytes,
        sum(output_bytes) AS output_bytes,
        sum(shuffle_read_bytes) AS shuffle_read_bytes,
        sum(shuffle_write_bytes) AS shuffle_write_bytes
    FROM stages
    WHERE array_has($app_ids, app_id)
    GROUP BY app_id, attempt_id
),
-- Where starts and ends of a stage attempt match, its tasks are what they add up to.
tasks_of_stages AS (
    SELECT
        app_id,
        attempt_id,
        'SUCCESS' AS status,
        num_finished - num_flagged_failed - num_flagged_killed AS tasks
    FROM stage_totals
    WHERE is_matched AND array_has($app_ids, app_id)
    UNION ALL
    SELECT app_id, attempt_id, 'FAILED', num_flagged_failed
    FROM stage_totals
    WHERE is_matched AND array_has($app_ids, app_id)
    UNION ALL
    SELECT app_id, attempt_id, 'KILLED', num_flagged_killed
    FROM stage_totals
    WHERE is_matched AND array_has($app_ids, app_id)
    UNION ALL
    SELECT tasks.app_id, totals.attempt_id, tasks.status, count(*)
    FROM stage_totals AS totals
    JOIN tasks
        ON tasks.app_id = totals.app_id
        AND coalesce(tasks.attempt_id, '') = totals.attempt_id
        AND tasks.stage_id = totals.stage_id
        AND tasks.stage_attempt_id = totals.stage_attempt_id
    WHERE NOT totals.is_matched
        AND array_has($app_ids, totals.app_id)
        AND array_has($app_ids, tasks.app_id)
    GROUP BY tasks.app_id, totals.attempt_id, tasks.status
),
task_counts AS (
    SELECT
        app_id,
        attempt_id,
        sum(tasks) FILTER (WHERE status = 'RUNNING') AS num_running_tasks,
        sum(tasks) FILTER (WHERE status = 'SUCCESS') AS num_succeeded_tasks,
        sum(tasks) FILTER (WHERE status = 'FAILED') AS num_failed_tasks,
        sum(tasks) FILTER (WHERE status = 'KILLED') AS num_killed_tasks
    FROM tasks_of_stages
    GROUP BY app_id, attempt_id
),
-- The median is a value by rank, as in view `skew`.
run_times AS (
    SELECT
        app_id,
        attempt_id,
        stage_id,
        stage_attempt_id,
        sorted_values(executor_run_time_ms) AS run_times_ms
    FROM tasks
    WHERE status = 'SUCCESS' AND array_has($app_ids, app_id)
    GROUP BY app_id, attempt_id, stage_id, stage_attempt_id
),
medians AS (
    SELECT
        *,
        run_times_ms[CAST(array_length(run_times_ms) AS BIGINT) / 2 + 1] AS median_ms,
        run_times_ms[-1] AS max_ms
    FROM run_times
),
skews AS (
    SELECT
        app_id,
        attempt_id,
        max(max_ms - median_ms) AS skew_excess_ms,
        first_value(CAST(max_ms AS DOUBLE) / NULLIF(median_ms, 0)
            ORDER BY max_ms - median_ms DESC, stage_id, stage_attempt_id) AS skew_ratio
    FROM medians
    GROUP BY app_id, attempt_id
),
failure_counts AS (
    SELECT
        failures.app_id,
        failures.attempt_id,
        failures.kind,
        failures.cause_class,
        count(*) AS failures
    FROM failures
    JOIN applications
        ON applications.app_id = failures.app_id
        AND coalesce(applications.attempt_id, '') = coalesce(failures.attempt_id, '')
    -- That an application is lost, time decides.
    WHERE (failures.kind <> 'application' OR applications.completed)
        AND array_has($app_ids, failures.app_id)
        AND array_has($app_ids, applications.app_id)
    GROUP BY failures.app_id, failures.attempt_id, failures.kind, failures.cause_class
),
failures_told AS (
    SELECT
        app_id,
        attempt_id,
        string_agg(concat(kind, ':', cause_class, ':', failures), ','
            ORDER BY kind, cause_class) AS failures
    FROM failure_counts
    GROUP BY app_id, attempt_id
),
delays AS (
    SELECT app_id, attempt_id, sum(scheduler_delay_ms) AS scheduler_delay_ms
    FROM lake.stage_sums
    WHERE array_has($app_ids, app_id)
    GROUP BY app_id, attempt_id
),
exits AS (
    SELECT
        app_id,
        attempt_id,
        last_value(exit_code ORDER BY segment, line) AS exit_code
    FROM lake.application_events
    WHERE event = 'SparkListenerApplicationEnd' AND array_has($app_ids, app_id)
    GROUP BY app_id, attempt_id
)
SELECT
    attempts.app_id,
    attempts.attempt_id,
    attempts.segments_key,
    $definition AS definition,
    deployments.cluster_name,
    deployments.namespace,
    deployments.app_name,
    deployments.completed,
    exits.exit_code,
    deployments.start_time,
    deployments.last_event_time,
    deployments.duration_ms,
    coalesce(job_counts.num_running_jobs, 0) AS num_running_jobs,
    coalesce(job_counts.num_succeeded_jobs, 0) AS num_succeeded_jobs,
    coalesce(job_counts.num_failed_jobs, 0) AS num_failed_jobs,
    coalesce(stage_counts.num_complete_stages, 0) AS num_complete_stages,
    coalesce(stage_counts.num_failed_stages, 0) AS num_failed_stages,
    coalesce(stage_counts.num_skipped_stages, 0) AS num_skipped_stages,
    coalesce(sql_counts.num_running_sql_executions, 0) AS num_running_sql_executions,
    coalesce(sql_counts.num_completed_sql_executions, 0) AS num_completed_sql_executions,
    coalesce(sql_counts.num_failed_sql_executions, 0) AS num_failed_sql_executions,
    coalesce(task_counts.num_running_tasks, 0) AS num_running_tasks,
    coalesce(task_counts.num_succeeded_tasks, 0) AS num_succeeded_tasks,
    coalesce(task_counts.num_failed_tasks, 0) AS num_failed_tasks,
    coalesce(task_counts.num_killed_tasks, 0) AS num_killed_tasks,
    coalesce(stage_counts.executor_run_time_ms, 0) AS executor_run_time_ms,
    coalesce(stage_counts.executor_cpu_time_ns, 0) AS executor_cpu_time_ns,
    coalesce(stage_counts.jvm_gc_time_ms, 0) AS jvm_gc_time_ms,
    coalesce(stage_counts.shuffle_fetch_wait_time_ms, 0) AS shuffle_fetch_wait_time_ms,
    coalesce(delays.scheduler_delay_ms, 0) AS scheduler_delay_ms,
    coalesce(stage_counts.memory_bytes_spilled, 0) AS memory_bytes_spilled,
    coalesce(stage_counts.disk_bytes_spilled, 0) AS disk_bytes_spilled,
    coalesce(stage_counts.input_bytes, 0) AS input_bytes,
    coalesce(stage_counts.output_bytes, 0) AS output_bytes,
    coalesce(stage_counts.shuffle_read_bytes, 0) AS shuffle_read_bytes,
    coalesce(stage_counts.shuffle_write_bytes, 0) AS shuffle_write_bytes,
    skews.skew_excess_ms,
    skews.skew_ratio,
    failures_told.failures,
    coalesce(core_usage.busy_core_time_ms, 0) AS busy_core_time_ms,
    coalesce(core_usage.idle_in_jobs_core_time_ms, 0) AS idle_in_jobs_core_time_ms,
    coalesce(core_usage.idle_without_jobs_core_time_ms, 0) AS idle_without_jobs_core_time_ms,
    histograms.stage_durations,
    coalesce(histograms.stage_duration_ms, 0) AS stage_duration_ms,
    histograms.job_durations,
    coalesce(histograms.job_duration_ms, 0) AS job_duration_ms,
    histograms.sql_execution_durations,
    coalesce(histograms.sql_execution_duration_ms, 0) AS sql_execution_duration_ms
FROM attempts
JOIN deployments
    ON deployments.app_id = attempts.app_id
    AND coalesce(deployments.attempt_id, '') = attempts.attempt_id
LEFT JOIN exits
    ON exits.app_id = attempts.app_id AND exits.attempt_id = attempts.attempt_id
LEFT JOIN job_counts
    ON job_counts.app_id = attempts.app_id
    AND coalesce(job_counts.attempt_id, '') = attempts.attempt_id
LEFT JOIN sql_counts
    ON sql_counts.app_id = attempts.app_id
    AND coalesce(sql_counts.attempt_id, '') = attempts.attempt_id
LEFT JOIN stage_counts
    ON stage_counts.app_id = attempts.app_id
    AND coalesce(stage_counts.attempt_id, '') = attempts.attempt_id
LEFT JOIN task_counts
    ON task_counts.app_id = attempts.app_id AND task_counts.attempt_id = attempts.attempt_id
LEFT JOIN skews
    ON skews.app_id = attempts.app_id
    AND coalesce(skews.attempt_id, '') = attempts.attempt_id
LEFT JOIN failures_told
    ON failures_told.app_id = attempts.app_id
    AND coalesce(failures_told.attempt_id, '') = attempts.attempt_id
LEFT JOIN delays
    ON delays.app_id = attempts.app_id AND delays.attempt_id = attempts.attempt_id
LEFT JOIN core_usage
    ON core_usage.app_id = attempts.app_id
    AND coalesce(core_usage.attempt_id, '') = attempts.attempt_id
LEFT JOIN histograms
    ON histograms.app_id = attempts.app_id AND histograms.attempt_id = attempts.attempt_id
WHERE array_has($app_ids, attempts.app_id) AND array_has($app_ids, deployments.app_id)
ORDER BY attempts.app_id, attempts.attempt_id
