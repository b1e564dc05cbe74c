-- A row is a stage attempt that ran, with what its tasks are like: what the rules of `findings`, which
-- this is part of, want to know of it.
--
-- shared
WITH succeeded AS (
    SELECT
        app_id,
        attempt_id,
        stage_id,
        stage_attempt_id,
        count(*) AS num_succeeded,
        sorted_values(executor_run_time_ms) AS run_times_ms,
        sorted_values(duration_ms) AS durations_ms,
        max(input_bytes) AS max_input_bytes,
        max(output_bytes) AS max_output_bytes,
        max(shuffle_local_bytes_read + shuffle_remote_bytes_read) AS max_shuffle_read_bytes,
        max(shuffle_write_bytes) AS max_shuffle_write_bytes,
        sorted_values(CAST(1000.0 * input_bytes / duration_ms AS BIGINT)) FILTER (
            WHERE input_bytes >= (SELECT value FROM thresholds WHERE name = 'slow_read_min_bytes')
                AND duration_ms >= 1000 * (
                    SELECT value FROM thresholds WHERE name = 'slow_read_min_duration')
        ) AS read_rates,
        -- AppStatusUtils.schedulerDelay, as in `tasks`.
        sum(greatest(
            0,
            duration_ms
            - executor_run_time_ms
            - executor_deserialize_time_ms
            - result_serialization_time_ms
            - CASE WHEN getting_result_ms > 0 THEN finish_ms - getting_result_ms ELSE 0 END
        )) AS scheduler_delay_ms,
        sum(duration_ms) AS duration_ms
    FROM (
        SELECT
            *,
            CAST(finish_time AS BIGINT) AS finish_ms,
            CAST(getting_result_time AS BIGINT) AS getting_result_ms,
            CAST(finish_time AS BIGINT) - CAST(launch_time AS BIGINT) AS duration_ms
        FROM lake.task_ends
        WHERE end_reason = 'Success'
    ) AS ends
    GROUP BY app_id, attempt_id, stage_id, stage_attempt_id
),
copies AS (
    SELECT app_id, attempt_id, stage_id, stage_attempt_id, count(*) AS num_speculative
    FROM lake.task_starts
    WHERE speculative
    GROUP BY app_id, attempt_id, stage_id, stage_attempt_id
),
causes AS (
    SELECT
        app_id,
        coalesce(attempt_id, '') AS attempt_id,
        stage_id,
        stage_attempt_id,
        count(*) FILTER (WHERE cause_class = 'out_of_memory') AS num_out_of_memory,
        count(*) FILTER (WHERE cause_class = 'container_killed') AS num_container_killed
    FROM (
        SELECT
            app_id,
            attempt_id,
            stage_id,
            stage_attempt_id,
            failure_class(error_message) AS cause_class
        FROM tasks
        WHERE status = 'FAILED'
    ) AS failed
    GROUP BY app_id, coalesce(attempt_id, ''), stage_id, stage_attempt_id
)
SELECT
    stages.*,
    greatest(stages.input_bytes, stages.output_bytes, stages.shuffle_read_bytes,
        stages.shuffle_write_bytes) AS data_bytes,
    greatest(stages.memory_bytes_spilled, stages.disk_bytes_spilled) AS bytes_spilled,
    CAST(stages.completion_time AS BIGINT) - CAST(stages.submission_time AS BIGINT) AS stage_ms,
    succeeded.run_times_ms[succeeded.num_succeeded / 2 + 1] AS median_run_time_ms,
    succeeded.run_times_ms[-1] AS max_run_time_ms,
    succeeded.durations_ms[succeeded.num_succeeded / 2 + 1] AS median_duration_ms,
    succeeded.max_input_bytes,
    succeeded.max_output_bytes,
    succeeded.max_shuffle_read_bytes,
    succeeded.max_shuffle_write_bytes,
    succeeded.read_rates[CAST(cardinality(succeeded.read_rates) AS BIGINT) / 2 + 1] AS median_read_rate,
    succeeded.read_rates[1] AS min_read_rate,
    succeeded.scheduler_delay_ms,
    succeeded.duration_ms,
    coalesce(copies.num_speculative, 0) AS num_speculative,
    coalesce(causes.num_out_of_memory, 0) AS num_out_of_memory,
    coalesce(causes.num_container_killed, 0) AS num_container_killed
FROM stages
LEFT JOIN succeeded
    ON succeeded.app_id = stages.app_id
    AND succeeded.attempt_id = coalesce(stages.attempt_id, '')
    AND succeeded.stage_id = stages.stage_id
    AND succeeded.stage_attempt_id = stages.stage_attempt_id
LEFT JOIN copies
    ON copies.app_id = stages.app_id
    AND copies.attempt_id = coalesce(stages.attempt_id, '')
    AND copies.stage_id = stages.stage_id
    AND copies.stage_attempt_id = stages.stage_attempt_id
LEFT JOIN causes
    ON causes.app_id = stages.app_id
    AND causes.attempt_id = coalesce(stages.attempt_id, '')
    AND causes.stage_id = stages.stage_id
    AND causes.stage_attempt_id = stages.stage_attempt_id
WHERE stages.status IN ('ACTIVE', 'COMPLETE', 'FAILED')
