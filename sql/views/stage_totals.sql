-- A row is what the tasks of a stage attempt add up to. attempt_id is '' where Spark gives none.
-- Spark: LiveStage.activeTasks and metrics, AppStatusListener.onTaskStart, onTaskEnd.
--
-- shared
--
-- A position is segment * 10^11 + line: one number that orders the events of an attempt.
WITH placed AS (
    SELECT
        *,
        segment * 100000000000 AS segment_at
    FROM lake.stage_sums
),
added AS (
    SELECT
        app_id,
        attempt_id,
        stage_id,
        stage_attempt_id,
        sum(num_started) AS num_started,
        sum(num_ended) AS num_ended,
        sum(num_finished) AS num_finished,
        sum(num_reporting) AS num_reporting,
        sum(num_succeeded) AS num_succeeded,
        sum(num_killed) AS num_killed,
        sum(num_retried) AS num_retried,
        sum(num_flagged_failed) AS num_flagged_failed,
        sum(num_flagged_killed) AS num_flagged_killed,
        min(first_launch_time) AS first_launch_time,
        min(segment_at + first_start_line) AS first_start_at,
        max(segment_at + last_start_line) AS last_start_at,
        min(segment_at + first_finish_line) AS first_finish_at,
        max(segment_at + last_finish_line) AS last_finish_at,
        min(segment_at + first_end_line) AS first_end_at,
        max(segment_at + last_end_line) AS last_end_at,
        sum(started_ids) AS started_ids,
        sum(finished_ids) AS finished_ids,
        sum(executor_deserialize_time_ms) AS executor_deserialize_time_ms,
        sum(executor_deserialize_cpu_time_ns) AS executor_deserialize_cpu_time_ns,
        sum(executor_run_time_ms) AS executor_run_time_ms,
        sum(executor_cpu_time_ns) AS executor_cpu_time_ns,
        sum(result_size) AS result_size,
        sum(jvm_gc_time_ms) AS jvm_gc_time_ms,
        sum(result_serialization_time_ms) AS result_serialization_time_ms,
        sum(memory_bytes_spilled) AS memory_bytes_spilled,
        sum(disk_bytes_spilled) AS disk_bytes_spilled,
        sum(peak_execution_memory) AS peak_execution_memory,
        sum(input_bytes) AS input_bytes,
        sum(input_records) AS input_records,
        sum(output_bytes) AS output_bytes,
        sum(output_records) AS output_records,
        sum(shuffle_remote_blocks_fetched) AS shuffle_remote_blocks_fetched,
        sum(shuffle_local_blocks_fetched) AS shuffle_local_blocks_fetched,
        sum(shuffle_fetch_wait_time_ms) AS shuffle_fetch_wait_time_ms,
        sum(shuffle_remote_bytes_read) AS shuffle_remote_bytes_read,
        sum(shuffle_remote_bytes_read_to_disk) AS shuffle_remote_bytes_read_to_disk,
        sum(shuffle_local_bytes_read) AS shuffle_local_bytes_read,
        sum(shuffle_read_records) AS shuffle_read_records,
        sum(shuffle_write_bytes) AS shuffle_write_bytes,
        sum(shuffle_write_time_ns) AS shuffle_write_time_ns,
        sum(shuffle_write_records) AS shuffle_write_records
    FROM placed
    GROUP BY app_id, attempt_id, stage_id, stage_attempt_id
)
SELECT
    *,
    -- A resubmitted task has ended before: it is not active a second time (SPARK-41187).
    num_started - num_finished AS active,
    -- As many starts as ends whose ids have the same sum of hashes are taken to be of the same
    -- tasks.
    num_started = num_finished AND started_ids = finished_ids AS is_matched,
    -- An index that succeeds in one attempt may have succeeded in another.
    sum(num_retried) OVER (PARTITION BY app_id, attempt_id, stage_id) > 0 AS is_retried,
    least(first_start_at, first_finish_at) AS first_move_at,
    greatest(last_start_at, last_finish_at) AS last_move_at,
    least(first_start_at, first_end_at) AS first_event_at,
    greatest(last_start_at, last_end_at) AS last_event_at
FROM added
