-- A row is what all applications of a name add up to, in a namespace of a cluster: all that the lake
-- has, whenever they ran. One whose start was not seen has no name, and is not counted before. What
-- becomes of core time is told of those that have ended: what is idle while a job runs may be busy
-- when its tasks have ended.
SELECT
    cluster_name AS cluster,
    namespace,
    app_name,
    count(*) FILTER (WHERE completed AND coalesce(exit_code, 0) = 0) AS num_succeeded_applications,
    count(*) FILTER (WHERE completed AND exit_code <> 0) AS num_failed_applications,
    sum(num_succeeded_jobs) AS num_succeeded_jobs,
    sum(num_failed_jobs) AS num_failed_jobs,
    sum(num_complete_stages) AS num_complete_stages,
    sum(num_failed_stages) AS num_failed_stages,
    sum(num_skipped_stages) AS num_skipped_stages,
    sum(num_completed_sql_executions) AS num_completed_sql_executions,
    sum(num_failed_sql_executions) AS num_failed_sql_executions,
    sum(num_succeeded_tasks) AS num_succeeded_tasks,
    sum(num_failed_tasks) AS num_failed_tasks,
    sum(num_killed_tasks) AS num_killed_tasks,
    sum(executor_run_time_ms) AS executor_run_time_ms,
    sum(executor_cpu_time_ns) AS executor_cpu_time_ns,
    sum(jvm_gc_time_ms) AS jvm_gc_time_ms,
    sum(shuffle_fetch_wait_time_ms) AS shuffle_fetch_wait_time_ms,
    sum(scheduler_delay_ms) AS scheduler_delay_ms,
    sum(memory_bytes_spilled) AS memory_bytes_spilled,
    sum(disk_bytes_spilled) AS disk_bytes_spilled,
    sum(input_bytes) AS input_bytes,
    sum(output_bytes) AS output_bytes,
    sum(shuffle_read_bytes) AS shuffle_read_bytes,
    sum(shuffle_write_bytes) AS shuffle_write_bytes,
    sum(busy_core_time_ms) FILTER (WHERE completed) AS busy_core_time_ms,
    sum(idle_in_jobs_core_time_ms) FILTER (WHERE completed) AS idle_in_jobs_core_time_ms,
    sum(idle_without_jobs_core_time_ms) FILTER (WHERE completed)
        AS idle_without_jobs_core_time_ms
FROM live.application_totals
WHERE app_name IS NOT NULL
GROUP BY cluster_name, namespace, app_name
