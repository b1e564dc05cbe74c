-- A row is a task attempt that has started, with its end if that has come.
-- Spark: LiveTask, TaskDataWrapper.toApi, AppStatusUtils (delays), TaskEndReason (error messages).
-- Times are timestamp(ms): as BIGINTs they are milliseconds.
WITH ends AS (
    SELECT
        app_id,
        attempt_id,
        task_id,
        task_index,
        task_attempt,
        partition_id,
        launch_time,
        finish_time,
        executor_id,
        host,
        task_locality,
        speculative,
        CASE WHEN failed THEN 'FAILED' WHEN killed THEN 'KILLED' ELSE 'SUCCESS' END AS status,
        CAST(finish_time AS BIGINT) - CAST(launch_time AS BIGINT) AS duration_ms,
        CASE
            WHEN CAST(getting_result_time AS BIGINT) > 0
                THEN CAST(finish_time AS BIGINT) - CAST(getting_result_time AS BIGINT)
            ELSE 0
        END AS getting_result_time_ms,
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
        -- What a task has read of shuffles is 0 unless it succeeded: makeNegative of Spark's
        -- LiveEntityHelpers puts the metrics of push-based shuffle in its place. `stages` and
        -- lake.task_ends have it.
        CASE WHEN failed OR killed THEN 0 ELSE coalesce(shuffle_remote_blocks_fetched, 0) END
            AS shuffle_remote_blocks_fetched,
        CASE WHEN failed OR killed THEN 0 ELSE coalesce(shuffle_local_blocks_fetched, 0) END
            AS shuffle_local_blocks_fetched,
        CASE WHEN failed OR killed THEN 0 ELSE coalesce(shuffle_fetch_wait_time_ms, 0) END
            AS shuffle_fetch_wait_time_ms,
        CASE WHEN failed OR killed THEN 0 ELSE coalesce(shuffle_remote_bytes_read, 0) END
            AS shuffle_remote_bytes_read,
        CASE WHEN failed OR killed THEN 0 ELSE coalesce(shuffle_remote_bytes_read_to_disk, 0) END
            AS shuffle_remote_bytes_read_to_disk,
        CASE WHEN failed OR killed THEN 0 ELSE coalesce(shuffle_local_bytes_read, 0) END
            AS shuffle_local_bytes_read,
        CASE WHEN failed OR killed THEN 0 ELSE coalesce(shuffle_read_records, 0) END
            AS shuffle_read_records,
        coalesce(shuffle_write_bytes, 0) AS shuffle_write_bytes,
        coalesce(shuffle_write_time_ns, 0) AS shuffle_write_time_ns,
        coalesce(shuffle_write_records, 0) AS shuffle_write_records
    FROM lake.task_ends
    -- A task ends once. When an executor is lost with the output of a finished task, Spark ends
    -- the task again as Resubmitted; the listener does not know it any more and changes nothing.
    WHERE end_reason IS DISTINCT FROM 'Resubmitted'
)
SELECT
    starts.app_id,
    NULLIF(starts.attempt_id, '') AS attempt_id,
    starts.stage_id,
    starts.stage_attempt_id,
    starts.task_id,
    coalesce(ends.task_index, starts.task_index) AS task_index,
    coalesce(ends.task_attempt, starts.task_attempt) AS task_attempt,
    coalesce(ends.partition_id, starts.partition_id, -1) AS partition_id,
    coalesce(ends.launch_time, starts.launch_time) AS launch_time,
    ends.finish_time,
    -- A task that has not ended has run for as long as we have heard of its application (the
    -- History Server: until the log file's modification time).
    CASE
        WHEN ends.task_id IS NOT NULL THEN NULLIF(ends.duration_ms, 0)
        ELSE CAST(attempts.last_event_time AS BIGINT) - CAST(starts.launch_time AS BIGINT)
    END AS duration_ms,
    coalesce(ends.executor_id, starts.executor_id) AS executor_id,
    coalesce(ends.host, starts.host) AS host,
    coalesce(ends.status, 'RUNNING') AS status,
    coalesce(ends.task_locality, starts.task_locality) AS task_locality,
    coalesce(ends.speculative, starts.speculative, false) AS speculative,
    ends.error_message,
    CASE
        WHEN ends.duration_ms > 0 THEN
            greatest(
                0,
                ends.duration_ms
                - ends.executor_run_time_ms
                - ends.executor_deserialize_time_ms
                - ends.result_serialization_time_ms
                - ends.getting_result_time_ms)
        ELSE 0
    END AS scheduler_delay_ms,
    coalesce(ends.getting_result_time_ms, 0) AS getting_result_time_ms,
    -- A task that has not ended has no metrics.
    ends.executor_deserialize_time_ms,
    ends.executor_deserialize_cpu_time_ns,
    ends.executor_run_time_ms,
    ends.executor_cpu_time_ns,
    ends.result_size,
    ends.jvm_gc_time_ms,
    ends.result_serialization_time_ms,
    ends.memory_bytes_spilled,
    ends.disk_bytes_spilled,
    ends.peak_execution_memory,
    ends.input_bytes,
    ends.input_records,
    ends.output_bytes,
    ends.output_records,
    ends.shuffle_remote_blocks_fetched,
    ends.shuffle_local_blocks_fetched,
    ends.shuffle_fetch_wait_time_ms,
    ends.shuffle_remote_bytes_read,
    ends.shuffle_remote_bytes_read_to_disk,
    ends.shuffle_local_bytes_read,
    ends.shuffle_local_bytes_read + ends.shuffle_remote_bytes_read AS shuffle_read_bytes,
    ends.shuffle_read_records,
    ends.shuffle_write_bytes,
    ends.shuffle_write_time_ns,
    ends.shuffle_write_records
FROM attempts
JOIN lake.task_starts AS starts
    ON starts.app_id = attempts.app_id
    AND starts.attempt_id = attempts.attempt_id
LEFT JOIN ends
    ON ends.app_id = starts.app_id
    AND ends.attempt_id = starts.attempt_id
    AND ends.task_id = starts.task_id
