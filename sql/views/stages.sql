-- A row is a stage attempt, in its last life (see stage_lives). Most are what their tasks add up to;
-- of the others, the tasks are counted one by one.
-- Spark: LiveStage, AppStatusListener.onTaskEnd.
WITH counted AS (
    -- The oddities stand on the left, where the join makes its hash table: they are few.
    SELECT
        tasks.*,
        tasks.end_reason = 'Success' AS succeeded,
        NOT coalesce(odd.is_orphan, false) AS measured,
        coalesce(odd.is_repeated, false) AS repeated
    FROM task_oddities AS odd
    RIGHT JOIN stage_task_ends AS tasks
        ON tasks.app_id = odd.app_id
        AND tasks.attempt_id = odd.attempt_id
        AND tasks.task_id = odd.task_id
    WHERE NOT tasks.is_plain
),
ends AS (
    SELECT
        app_id,
        attempt_id,
        stage_id,
        stage_attempt_id,
        true AS is_plain,
        num_ended AS ended,
        num_succeeded AS succeeded,
        num_killed AS killed,
        num_succeeded AS indices,
        executor_deserialize_time_ms,
        executor_deserialize_cpu_time_ns,
        executor_run_time_ms,
        executor_cpu_time_ns,
        result_size,
        jvm_gc_time_ms,
        result_serialization_time_ms,
        memory_bytes_spilled,
        disk_bytes_spilled,
        peak_execution_memory,
        input_bytes,
        input_records,
        output_bytes,
        output_records,
        shuffle_remote_blocks_fetched,
        shuffle_local_blocks_fetched,
        shuffle_fetch_wait_time_ms,
        shuffle_remote_bytes_read,
        shuffle_remote_bytes_read_to_disk,
        shuffle_local_bytes_read,
        shuffle_read_records,
        shuffle_write_bytes,
        shuffle_write_time_ns,
        shuffle_write_records
    FROM stage_totals
    UNION ALL
    SELECT
        app_id,
        attempt_id,
        stage_id,
        stage_attempt_id,
        false,
        count(*) AS ended,
        count(*) FILTER (WHERE succeeded) AS succeeded,
        count(*) FILTER (WHERE end_reason IN ('TaskKilled', 'TaskCommitDenied')) AS killed,
        count(*) FILTER (WHERE succeeded AND NOT repeated)
            + count(DISTINCT CASE WHEN succeeded AND repeated THEN task_index END) AS indices,
        sum(executor_deserialize_time_ms) FILTER (WHERE measured) AS executor_deserialize_time_ms,
        sum(executor_deserialize_cpu_time_ns) FILTER (WHERE measured)
            AS executor_deserialize_cpu_time_ns,
        sum(executor_run_time_ms) FILTER (WHERE measured) AS executor_run_time_ms,
        sum(executor_cpu_time_ns) FILTER (WHERE measured) AS executor_cpu_time_ns,
        sum(result_size) FILTER (WHERE measured) AS result_size,
        sum(jvm_gc_time_ms) FILTER (WHERE measured) AS jvm_gc_time_ms,
        sum(result_serialization_time_ms) FILTER (WHERE measured) AS result_serialization_time_ms,
        sum(memory_bytes_spilled) FILTER (WHERE measured) AS memory_bytes_spilled,
        sum(disk_bytes_spilled) FILTER (WHERE measured) AS disk_bytes_spilled,
        sum(peak_execution_memory) FILTER (WHERE measured) AS peak_execution_memory,
        sum(input_bytes) FILTER (WHERE measured) AS input_bytes,
        sum(input_records) FILTER (WHERE measured) AS input_records,
        sum(output_bytes) FILTER (WHERE measured) AS output_bytes,
        sum(output_records) FILTER (WHERE measured) AS output_records,
        sum(shuffle_remote_blocks_fetched) FILTER (WHERE measured) AS shuffle_remote_blocks_fetched,
        sum(shuffle_local_blocks_fetched) FILTER (WHERE measured) AS shuffle_local_blocks_fetched,
        sum(shuffle_fetch_wait_time_ms) FILTER (WHERE measured) AS shuffle_fetch_wait_time_ms,
        sum(shuffle_remote_bytes_read) FILTER (WHERE measured) AS shuffle_remote_bytes_read,
        sum(shuffle_remote_bytes_read_to_disk) FILTER (WHERE measured)
            AS shuffle_remote_bytes_read_to_disk,
        sum(shuffle_local_bytes_read) FILTER (WHERE measured) AS shuffle_local_bytes_read,
        sum(shuffle_read_records) FILTER (WHERE measured) AS shuffle_read_records,
        sum(shuffle_write_bytes) FILTER (WHERE measured) AS shuffle_write_bytes,
        sum(shuffle_write_time_ns) FILTER (WHERE measured) AS shuffle_write_time_ns,
        sum(shuffle_write_records) FILTER (WHERE measured) AS shuffle_write_records
    FROM counted
    GROUP BY app_id, attempt_id, stage_id, stage_attempt_id
)
SELECT
    lives.app_id,
    NULLIF(lives.attempt_id, '') AS attempt_id,
    lives.stage_id,
    lives.stage_attempt_id,
    lives.status,
    lives.name,
    lives.description,
    lives.scheduling_pool,
    lives.failure_reason,
    lives.submission_time,
    lives.first_task_launched_time,
    lives.completion_time,
    lives.num_tasks,
    lives.num_active_tasks,
    coalesce(ends.succeeded, 0) AS num_complete_tasks,
    coalesce(ends.ended - ends.succeeded - ends.killed, 0) AS num_failed_tasks,
    coalesce(ends.killed, 0) AS num_killed_tasks,
    coalesce(ends.indices, 0) AS num_completed_indices,
    coalesce(ends.executor_deserialize_time_ms, 0) AS executor_deserialize_time_ms,
    coalesce(ends.executor_deserialize_cpu_time_ns, 0) AS executor_deserialize_cpu_time_ns,
    coalesce(ends.executor_run_time_ms, 0) AS executor_run_time_ms,
    coalesce(ends.executor_cpu_time_ns, 0) AS executor_cpu_time_ns,
    coalesce(ends.result_size, 0) AS result_size,
    coalesce(ends.jvm_gc_time_ms, 0) AS jvm_gc_time_ms,
    coalesce(ends.result_serialization_time_ms, 0) AS result_serialization_time_ms,
    coalesce(ends.memory_bytes_spilled, 0) AS memory_bytes_spilled,
    coalesce(ends.disk_bytes_spilled, 0) AS disk_bytes_spilled,
    coalesce(ends.peak_execution_memory, 0) AS peak_execution_memory,
    coalesce(ends.input_bytes, 0) AS input_bytes,
    coalesce(ends.input_records, 0) AS input_records,
    coalesce(ends.output_bytes, 0) AS output_bytes,
    coalesce(ends.output_records, 0) AS output_records,
    coalesce(ends.shuffle_remote_blocks_fetched, 0) AS shuffle_remote_blocks_fetched,
    coalesce(ends.shuffle_local_blocks_fetched, 0) AS shuffle_local_blocks_fetched,
    coalesce(ends.shuffle_fetch_wait_time_ms, 0) AS shuffle_fetch_wait_time_ms,
    coalesce(ends.shuffle_remote_bytes_read, 0) AS shuffle_remote_bytes_read,
    coalesce(ends.shuffle_remote_bytes_read_to_disk, 0) AS shuffle_remote_bytes_read_to_disk,
    coalesce(ends.shuffle_local_bytes_read, 0) AS shuffle_local_bytes_read,
    coalesce(ends.shuffle_local_bytes_read, 0) + coalesce(ends.shuffle_remote_bytes_read, 0)
        AS shuffle_read_bytes,
    coalesce(ends.shuffle_read_records, 0) AS shuffle_read_records,
    coalesce(ends.shuffle_write_bytes, 0) AS shuffle_write_bytes,
    coalesce(ends.shuffle_write_time_ns, 0) AS shuffle_write_time_ns,
    coalesce(ends.shuffle_write_records, 0) AS shuffle_write_records,
    lives.resource_profile_id
FROM stage_lives AS lives
LEFT JOIN ends
    ON ends.app_id = lives.app_id
    AND ends.attempt_id = lives.attempt_id
    AND ends.stage_id = lives.stage_id
    AND ends.stage_attempt_id = lives.stage_attempt_id
    AND ends.is_plain = lives.is_plain
    AND lives.ran
WHERE lives.is_last
