-- A row is a task attempt that has started, with its end if that has come.
-- Spark: LiveTask, TaskDataWrapper.toApi, AppStatusUtils (delays), TaskEndReason (error messages).
-- Times are timestamp(ms): as BIGINTs they are milliseconds.
--
-- The end of a task repeats what its start says, so that starts are needed for unfinished tasks only.
WITH ended AS (
    SELECT
        tasks.app_id,
        tasks.attempt_id,
        stage_id,
        stage_attempt_id,
        tasks.task_id,
        task_index,
        task_attempt,
        partition_id,
        launch_time,
        finish_time,
        CAST(finish_time AS BIGINT) - CAST(launch_time AS BIGINT) AS duration_ms,
        executor_id,
        host,
        CASE WHEN failed THEN 'FAILED' WHEN killed THEN 'KILLED' ELSE 'SUCCESS' END AS status,
        task_locality,
        speculative,
        CASE end_reason
            WHEN 'Success' THEN NULL
            WHEN 'TaskKilled' THEN coalesce(kill_reason, 'unknown reason')
            WHEN 'ExceptionFailure' THEN
                coalesce(stack_trace, concat(class_name, ': ', error_description, chr(10)))
            WHEN 'FetchFailed' THEN
                concat(
                    'FetchFailed(',
                    CASE
                        WHEN fetch_executor_id IS NULL THEN 'null'
                        ELSE concat(
                            'BlockManagerId(', fetch_executor_id, ', ', fetch_host, ', ',
                            fetch_port, ', None)')
                    END,
                    ', shuffleId=', shuffle_id,
                    -- Int.MinValue stands for a map index that the reader did not know.
                    ', mapIndex=', CASE
                        WHEN coalesce(map_index, -2147483648) = -2147483648 THEN 'Unknown'
                        ELSE CAST(map_index AS VARCHAR)
                    END,
                    ', mapId=', map_id,
                    ', reduceId=', reduce_id,
                    ', message=', chr(10), coalesce(fetch_message, 'Unknown reason'), chr(10), ')')
            WHEN 'ExecutorLostFailure' THEN
                concat(
                    'ExecutorLostFailure (executor ', executor_id, ' exited ',
                    CASE
                        WHEN exit_caused_by_app IS FALSE THEN 'unrelated to the running tasks'
                        ELSE 'caused by one of the running tasks'
                    END,
                    ')',
                    ' Reason: ' || loss_reason)
            WHEN 'TaskCommitDenied' THEN
                concat(
                    'TaskCommitDenied (Driver denied task commit) for job: ',
                    coalesce(commit_job_id, -1),
                    ', partition: ', coalesce(commit_partition_id, -1),
                    ', attemptNumber: ', coalesce(commit_attempt_number, -1))
            WHEN 'TaskResultLost' THEN 'TaskResultLost (result lost from block manager)'
            ELSE end_reason
        END AS error_message,
        CASE
            WHEN CAST(getting_result_time AS BIGINT) > 0
                THEN CAST(finish_time AS BIGINT) - CAST(getting_result_time AS BIGINT)
            ELSE 0
        END AS getting_result_time_ms,
        -- A task that ended without metrics has metrics of zero.
        coalesce(executor_deserialize_time_ms, 0) AS executor_deserialize_time_ms,
        coalesce(executor_deserialize_cpu_time_ns, 0) AS executor_deserialize_cpu_time_ns,
        coalesce(executor_run_time_ms, 0) AS executor_run_time_ms,
        coalesce(executor_cpu_time_ns, 0) AS executor_cpu_time_ns,
        coalesce(result_size, 0) AS result_size,
        coalesce(jvm_gc_time_ms, 0) AS jvm_gc_time_ms,
        coalesce(result_serialization_time_ms, 0) AS result_serialization_time_ms,
        coalesce(memory_bytes_spilled, 0) AS memory_bytes_spilled,
        coalesce(disk_bytes_spilled, 0) AS disk_bytes_spilled,
        coalesce(peak_execution_memory, 0) AS peak_execution_memory,
        coalesce(input_bytes, 0) AS input_bytes,
        coalesce(input_records, 0) AS input_records,
        coalesce(output_bytes, 0) AS output_bytes,
        coalesce(output_records, 0) AS output_records,
        coalesce(shuffle_remote_blocks_fetched, 0) AS shuffle_remote_blocks_fetched,
        coalesce(shuffle_local_blocks_fetched, 0) AS shuffle_local_blocks_fetched,
        coalesce(shuffle_fetch_wait_time_ms, 0) AS shuffle_fetch_wait_time_ms,
        coalesce(shuffle_remote_bytes_read, 0) AS shuffle_remote_bytes_read,
        coalesce(shuffle_remote_bytes_read_to_disk, 0) AS shuffle_remote_bytes_read_to_disk,
        coalesce(shuffle_local_bytes_read, 0) AS shuffle_local_bytes_read,
        coalesce(shuffle_read_records, 0) AS shuffle_read_records,
        coalesce(shuffle_remote_reqs_duration_ms, 0) AS shuffle_remote_reqs_duration_ms,
        coalesce(shuffle_write_bytes, 0) AS shuffle_write_bytes,
        coalesce(shuffle_write_time_ns, 0) AS shuffle_write_time_ns,
        coalesce(shuffle_write_records, 0) AS shuffle_write_records
    -- The few stand on the left, where the join makes its hash table.
    FROM unmatched_tasks AS unmatched
    RIGHT JOIN lake.task_ends AS tasks
        ON tasks.app_id = unmatched.app_id
        AND tasks.attempt_id = unmatched.attempt_id
        AND tasks.task_id = unmatched.task_id
    -- A task ends once. When an executor is lost with the output of a finished task, Spark ends
    -- the task again as Resubmitted; the listener does not know it any more and changes nothing.
    WHERE unmatched.is_unfinished IS NULL AND end_reason IS DISTINCT FROM 'Resubmitted'
),
unfinished AS (
    SELECT starts.*
    FROM unmatched_tasks AS unmatched
    JOIN lake.task_starts AS starts
        ON starts.app_id = unmatched.app_id
        AND starts.attempt_id = unmatched.attempt_id
        AND starts.task_id = unmatched.task_id
    WHERE unmatched.is_unfinished
)
SELECT
    app_id,
    NULLIF(attempt_id, '') AS attempt_id,
    stage_id,
    stage_attempt_id,
    task_id,
    task_index,
    task_attempt,
    coalesce(partition_id, -1) AS partition_id,
    launch_time,
    finish_time,
    NULLIF(duration_ms, 0) AS duration_ms,
    executor_id,
    host,
    status,
    task_locality,
    coalesce(speculative, false) AS speculative,
    error_message,
    CASE
        WHEN duration_ms > 0 THEN
            greatest(
                0,
                duration_ms
                - executor_run_time_ms
                - executor_deserialize_time_ms
                - result_serialization_time_ms
                - getting_result_time_ms)
        ELSE 0
    END AS scheduler_delay_ms,
    getting_result_time_ms,
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
    -- What a task has written and read of shuffles is 0 unless it succeeded: makeNegative of Spark's
    -- LiveEntityHelpers puts the metrics of push-based shuffle in its place, and the time of remote
    -- requests in that of records. `stages` and lake.task_ends have it.
    CASE status WHEN 'SUCCESS' THEN output_bytes ELSE 0 END AS output_bytes,
    CASE status WHEN 'SUCCESS' THEN output_records ELSE 0 END AS output_records,
    CASE status WHEN 'SUCCESS' THEN shuffle_remote_blocks_fetched ELSE 0 END
        AS shuffle_remote_blocks_fetched,
    CASE status WHEN 'SUCCESS' THEN shuffle_local_blocks_fetched ELSE 0 END
        AS shuffle_local_blocks_fetched,
    CASE status WHEN 'SUCCESS' THEN shuffle_fetch_wait_time_ms ELSE 0 END
        AS shuffle_fetch_wait_time_ms,
    CASE status WHEN 'SUCCESS' THEN shuffle_remote_bytes_read ELSE 0 END
        AS shuffle_remote_bytes_read,
    CASE status WHEN 'SUCCESS' THEN shuffle_remote_bytes_read_to_disk ELSE 0 END
        AS shuffle_remote_bytes_read_to_disk,
    CASE status WHEN 'SUCCESS' THEN shuffle_local_bytes_read ELSE 0 END AS shuffle_local_bytes_read,
    CASE status
        WHEN 'SUCCESS' THEN shuffle_local_bytes_read + shuffle_remote_bytes_read
        ELSE 0
    END AS shuffle_read_bytes,
    CASE status WHEN 'SUCCESS' THEN shuffle_read_records ELSE shuffle_remote_reqs_duration_ms END
        AS shuffle_read_records,
    shuffle_write_bytes,
    shuffle_write_time_ns,
    shuffle_write_records
FROM ended
UNION ALL
-- A task that has not ended has no metrics. It has run for as long as we have heard of its
-- application (the History Server: until it read the log). The columns come in the order of those
-- above: below a union by name, DataFusion loses the filter on the application.
SELECT
    unfinished.app_id,
    NULLIF(unfinished.attempt_id, '') AS attempt_id,
    stage_id,
    stage_attempt_id,
    task_id,
    task_index,
    task_attempt,
    coalesce(partition_id, -1) AS partition_id,
    launch_time,
    NULL AS finish_time,
    CAST(attempts.last_event_time AS BIGINT) - CAST(launch_time AS BIGINT) AS duration_ms,
    executor_id,
    host,
    'RUNNING' AS status,
    task_locality,
    coalesce(speculative, false) AS speculative,
    NULL AS error_message,
    0 AS scheduler_delay_ms,
    0 AS getting_result_time_ms,
    NULL AS executor_deserialize_time_ms,
    NULL AS executor_deserialize_cpu_time_ns,
    NULL AS executor_run_time_ms,
    NULL AS executor_cpu_time_ns,
    NULL AS result_size,
    NULL AS jvm_gc_time_ms,
    NULL AS result_serialization_time_ms,
    NULL AS memory_bytes_spilled,
    NULL AS disk_bytes_spilled,
    NULL AS peak_execution_memory,
    NULL AS input_bytes,
    NULL AS input_records,
    NULL AS output_bytes,
    NULL AS output_records,
    NULL AS shuffle_remote_blocks_fetched,
    NULL AS shuffle_local_blocks_fetched,
    NULL AS shuffle_fetch_wait_time_ms,
    NULL AS shuffle_remote_bytes_read,
    NULL AS shuffle_remote_bytes_read_to_disk,
    NULL AS shuffle_local_bytes_read,
    NULL AS shuffle_read_bytes,
    NULL AS shuffle_read_records,
    NULL AS shuffle_write_bytes,
    NULL AS shuffle_write_time_ns,
    NULL AS shuffle_write_records
FROM unfinished
JOIN attempts
    ON attempts.app_id = unfinished.app_id
    AND attempts.attempt_id = unfinished.attempt_id
