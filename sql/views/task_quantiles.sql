-- A row is a quantile (0.05, 0.25, 0.5, 0.75 or 0.95) over the successful tasks of a stage attempt,
-- of each metric for itself. A quantile is a value that a task has, by rank.
-- Spark: AppStatusStore.taskSummary. It ranks as many tasks as succeeded, and has no metrics of
-- others; but their durations stand among those that it ranks, and, once they have ended with
-- whatever metrics, their delays and fetching of results.
WITH stages AS (
    SELECT
        app_id,
        attempt_id,
        stage_id,
        stage_attempt_id,
        count(*) FILTER (WHERE status = 'SUCCESS') AS num_tasks,
        sorted_values(coalesce(duration_ms, 0)) AS duration_ms,
        sorted_values(executor_deserialize_time_ms) FILTER (WHERE status = 'SUCCESS')
            AS executor_deserialize_time_ms,
        sorted_values(executor_deserialize_cpu_time_ns) FILTER (WHERE status = 'SUCCESS')
            AS executor_deserialize_cpu_time_ns,
        sorted_values(executor_run_time_ms) FILTER (WHERE status = 'SUCCESS')
            AS executor_run_time_ms,
        sorted_values(executor_cpu_time_ns) FILTER (WHERE status = 'SUCCESS')
            AS executor_cpu_time_ns,
        sorted_values(result_size) FILTER (WHERE status = 'SUCCESS') AS result_size,
        sorted_values(jvm_gc_time_ms) FILTER (WHERE status = 'SUCCESS') AS jvm_gc_time_ms,
        sorted_values(result_serialization_time_ms) FILTER (WHERE status = 'SUCCESS')
            AS result_serialization_time_ms,
        sorted_values(getting_result_time_ms) FILTER (WHERE status <> 'RUNNING')
            AS getting_result_time_ms,
        sorted_values(scheduler_delay_ms) FILTER (WHERE status <> 'RUNNING')
            AS scheduler_delay_ms,
        sorted_values(peak_execution_memory) FILTER (WHERE status = 'SUCCESS')
            AS peak_execution_memory,
        sorted_values(memory_bytes_spilled) FILTER (WHERE status = 'SUCCESS')
            AS memory_bytes_spilled,
        sorted_values(disk_bytes_spilled) FILTER (WHERE status = 'SUCCESS') AS disk_bytes_spilled,
        sorted_values(input_bytes) FILTER (WHERE status = 'SUCCESS') AS input_bytes,
        sorted_values(input_records) FILTER (WHERE status = 'SUCCESS') AS input_records,
        sorted_values(output_bytes) FILTER (WHERE status = 'SUCCESS') AS output_bytes,
        sorted_values(output_records) FILTER (WHERE status = 'SUCCESS') AS output_records,
        sorted_values(shuffle_read_bytes) FILTER (WHERE status = 'SUCCESS') AS shuffle_read_bytes,
        sorted_values(shuffle_read_records) FILTER (WHERE status = 'SUCCESS')
            AS shuffle_read_records,
        sorted_values(shuffle_remote_blocks_fetched) FILTER (WHERE status = 'SUCCESS')
            AS shuffle_remote_blocks_fetched,
        sorted_values(shuffle_local_blocks_fetched) FILTER (WHERE status = 'SUCCESS')
            AS shuffle_local_blocks_fetched,
        sorted_values(shuffle_fetch_wait_time_ms) FILTER (WHERE status = 'SUCCESS')
            AS shuffle_fetch_wait_time_ms,
        sorted_values(shuffle_remote_bytes_read) FILTER (WHERE status = 'SUCCESS')
            AS shuffle_remote_bytes_read,
        sorted_values(shuffle_remote_bytes_read_to_disk) FILTER (WHERE status = 'SUCCESS')
            AS shuffle_remote_bytes_read_to_disk,
        sorted_values(shuffle_write_bytes) FILTER (WHERE status = 'SUCCESS') AS shuffle_write_bytes,
        sorted_values(shuffle_write_records) FILTER (WHERE status = 'SUCCESS')
            AS shuffle_write_records,
        sorted_values(shuffle_write_time_ns) FILTER (WHERE status = 'SUCCESS')
            AS shuffle_write_time_ns
    FROM tasks
    GROUP BY app_id, attempt_id, stage_id, stage_attempt_id
    HAVING count(*) FILTER (WHERE status = 'SUCCESS') > 0
),
quantiles AS (
    SELECT *, unnest(make_array(0.05, 0.25, 0.5, 0.75, 0.95)) AS quantile
    FROM stages
),
ranks AS (
    SELECT *, CAST(floor(quantile * num_tasks) AS BIGINT) + 1 AS rank
    FROM quantiles
)
SELECT
    app_id,
    attempt_id,
    stage_id,
    stage_attempt_id,
    quantile,
    num_tasks,
    duration_ms[rank] AS duration_ms,
    executor_deserialize_time_ms[rank] AS executor_deserialize_time_ms,
    executor_deserialize_cpu_time_ns[rank] AS executor_deserialize_cpu_time_ns,
    executor_run_time_ms[rank] AS executor_run_time_ms,
    executor_cpu_time_ns[rank] AS executor_cpu_time_ns,
    result_size[rank] AS result_size,
    jvm_gc_time_ms[rank] AS jvm_gc_time_ms,
    result_serialization_time_ms[rank] AS result_serialization_time_ms,
    getting_result_time_ms[rank] AS getting_result_time_ms,
    scheduler_delay_ms[rank] AS scheduler_delay_ms,
    peak_execution_memory[rank] AS peak_execution_memory,
    memory_bytes_spilled[rank] AS memory_bytes_spilled,
    disk_bytes_spilled[rank] AS disk_bytes_spilled,
    input_bytes[rank] AS input_bytes,
    input_records[rank] AS input_records,
    output_bytes[rank] AS output_bytes,
    output_records[rank] AS output_records,
    shuffle_read_bytes[rank] AS shuffle_read_bytes,
    shuffle_read_records[rank] AS shuffle_read_records,
    shuffle_remote_blocks_fetched[rank] AS shuffle_remote_blocks_fetched,
    shuffle_local_blocks_fetched[rank] AS shuffle_local_blocks_fetched,
    shuffle_fetch_wait_time_ms[rank] AS shuffle_fetch_wait_time_ms,
    shuffle_remote_bytes_read[rank] AS shuffle_remote_bytes_read,
    shuffle_remote_bytes_read_to_disk[rank] AS shuffle_remote_bytes_read_to_disk,
    shuffle_write_bytes[rank] AS shuffle_write_bytes,
    shuffle_write_records[rank] AS shuffle_write_records,
    shuffle_write_time_ns[rank] AS shuffle_write_time_ns
FROM ranks
