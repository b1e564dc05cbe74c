-- A row is a life of an executor, the driver included: from the event that added it (it or its block
-- manager) to its removal, with what the tasks of the executor add up to in all of its lives.
-- `executors` is made of this; attempt_id is '' where Spark gives none.
-- Spark: LiveExecutor, AppStatusListener.liveExecutors.
--
-- shared
--
-- A position is segment * 10^11 + line: one number that orders the events of an attempt.
WITH events AS (
    SELECT
        *,
        segment * 100000000000 + line AS position,
        -- Lives are counted by the removals before.
        coalesce(
            sum(CASE WHEN event = 'SparkListenerExecutorRemoved' THEN 1 ELSE 0 END) OVER (
                PARTITION BY app_id, attempt_id, executor_id
                ORDER BY segment, line
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ),
            0) AS life
    FROM lake.executor_events
    -- The block manager of fallback storage is no executor.
    WHERE executor_id <> 'fallback'
),
lives AS (
    SELECT
        app_id,
        attempt_id,
        executor_id,
        life,
        min(position) FILTER (
            WHERE event IN ('SparkListenerExecutorAdded', 'SparkListenerBlockManagerAdded')
        ) AS added_at,
        max(position) FILTER (WHERE event = 'SparkListenerExecutorRemoved') AS removed_at,
        first_value(time ORDER BY position) FILTER (
            WHERE event IN ('SparkListenerExecutorAdded', 'SparkListenerBlockManagerAdded')
        ) AS add_time,
        last_value(host ORDER BY position)
            FILTER (WHERE event = 'SparkListenerExecutorAdded') AS host,
        last_value(total_cores ORDER BY position)
            FILTER (WHERE event = 'SparkListenerExecutorAdded') AS total_cores,
        last_value(resource_profile_id ORDER BY position)
            FILTER (WHERE event = 'SparkListenerExecutorAdded') AS resource_profile_id,
        last_value(concat(host, ':', port) ORDER BY position)
            FILTER (WHERE event = 'SparkListenerBlockManagerAdded') AS host_port,
        last_value(host ORDER BY position)
            FILTER (WHERE event = 'SparkListenerBlockManagerAdded') AS block_manager_host,
        last_value(max_memory ORDER BY position)
            FILTER (WHERE event = 'SparkListenerBlockManagerAdded') AS max_memory,
        last_value(time ORDER BY position)
            FILTER (WHERE event = 'SparkListenerExecutorRemoved') AS remove_time,
        last_value(removed_reason ORDER BY position)
            FILTER (WHERE event = 'SparkListenerExecutorRemoved') AS remove_reason
    FROM events
    GROUP BY app_id, attempt_id, executor_id, life
),
added AS (
    SELECT
        *,
        coalesce(host, block_manager_host) AS hostname,
        life = max(life) OVER (PARTITION BY app_id, attempt_id, executor_id) AS is_last
    FROM lives
    WHERE added_at IS NOT NULL
),
totals AS (
    SELECT
        app_id,
        attempt_id,
        executor_id,
        least(
            min(segment * 100000000000 + first_start_line),
            min(segment * 100000000000 + first_end_line)) AS first_event_at,
        greatest(
            max(segment * 100000000000 + last_start_line),
            max(segment * 100000000000 + last_end_line)) AS last_event_at,
        sum(num_started) AS num_started,
        sum(num_ended) AS num_ended,
        sum(num_finished) AS num_finished,
        sum(num_succeeded) AS num_succeeded,
        sum(num_killed) AS num_killed,
        sum(duration_ms) AS duration_ms,
        sum(jvm_gc_time_ms) AS jvm_gc_time_ms,
        sum(input_bytes) AS input_bytes,
        sum(shuffle_local_bytes_read) + sum(shuffle_remote_bytes_read) AS shuffle_read_bytes,
        sum(shuffle_write_bytes) AS shuffle_write_bytes
    FROM lake.executor_sums
    GROUP BY app_id, attempt_id, executor_id
)
SELECT
    added.*,
    totals.num_started,
    totals.num_ended,
    totals.num_finished,
    totals.num_succeeded,
    totals.num_killed,
    totals.duration_ms,
    totals.jvm_gc_time_ms,
    totals.input_bytes,
    totals.shuffle_read_bytes,
    totals.shuffle_write_bytes,
    -- Whether all of its tasks came and went in this life. Of the others, the tasks are counted one
    -- by one.
    totals.executor_id IS NULL
        OR totals.first_event_at > added.added_at
            AND totals.last_event_at < coalesce(added.removed_at, totals.last_event_at + 1) AS is_plain
FROM added
LEFT JOIN totals
    ON totals.app_id = added.app_id
    AND totals.attempt_id = added.attempt_id
    AND totals.executor_id = added.executor_id
