-- A row is an executor, the driver included, in its last life: from the event that added it (it or
-- its block manager) to its removal. Task events count while it lives.
-- Spark: LiveExecutor, AppStatusListener.liveExecutors.
--
-- A position is segment * 10^11 + line: one number that orders the events of an attempt.
WITH executors AS (
    SELECT * FROM executor_lives WHERE is_last
),
-- Blacklisted is what excluded was called before Spark 3.1. The whole node goes with
-- NodeExcluded, but only its executors that live then.
exclusions AS (
    SELECT
        app_id,
        attempt_id,
        executor_id,
        CASE WHEN event LIKE 'SparkListenerNode%' THEN host END AS hostname,
        segment * 100000000000 + line AS position,
        event LIKE '%Excluded' OR event LIKE '%Blacklisted' AS is_excluded
    FROM lake.executor_events
    WHERE event IN (
        'SparkListenerExecutorExcluded', 'SparkListenerExecutorUnexcluded',
        'SparkListenerExecutorBlacklisted', 'SparkListenerExecutorUnblacklisted',
        'SparkListenerNodeExcluded', 'SparkListenerNodeUnexcluded',
        'SparkListenerNodeBlacklisted', 'SparkListenerNodeUnblacklisted')
),
excluded AS (
    SELECT
        executors.app_id,
        executors.attempt_id,
        executors.executor_id,
        last_value(exclusions.is_excluded ORDER BY exclusions.position) AS is_excluded
    FROM executors
    JOIN exclusions
        ON exclusions.app_id = executors.app_id
        AND exclusions.attempt_id = executors.attempt_id
    WHERE (exclusions.executor_id = executors.executor_id
            OR exclusions.hostname = executors.hostname)
        AND exclusions.position > executors.added_at
        AND (executors.removed_at IS NULL OR exclusions.position < executors.removed_at)
    GROUP BY executors.app_id, executors.attempt_id, executors.executor_id
),
starts AS (
    SELECT app_id, attempt_id, executor_id, num_started AS started
    FROM executors
    WHERE is_plain
    UNION ALL
    SELECT executors.app_id, executors.attempt_id, executors.executor_id, count(*)
    FROM executors
    JOIN lake.task_starts AS tasks
        ON tasks.app_id = executors.app_id
        AND tasks.attempt_id = executors.attempt_id
        AND tasks.executor_id = executors.executor_id
    WHERE NOT executors.is_plain
        AND tasks.segment * 100000000000 + tasks.line > executors.added_at
        AND (executors.removed_at IS NULL
            OR tasks.segment * 100000000000 + tasks.line < executors.removed_at)
    GROUP BY executors.app_id, executors.attempt_id, executors.executor_id
),
ends AS (
    SELECT
        app_id,
        attempt_id,
        executor_id,
        num_finished AS ended,
        num_succeeded AS completed,
        num_ended - num_succeeded - num_killed AS failed,
        duration_ms,
        jvm_gc_time_ms AS gc_time_ms,
        input_bytes,
        shuffle_read_bytes,
        shuffle_write_bytes
    FROM executors
    WHERE is_plain
    UNION ALL
    SELECT
        executors.app_id,
        executors.attempt_id,
        executors.executor_id,
        count(*) FILTER (WHERE tasks.end_reason IS DISTINCT FROM 'Resubmitted') AS ended,
        count(*) FILTER (WHERE tasks.end_reason = 'Success') AS completed,
        count(*) FILTER (
            WHERE tasks.end_reason IS NULL
                OR tasks.end_reason NOT IN ('Success', 'TaskKilled', 'TaskCommitDenied')
        ) AS failed,
        sum(CAST(tasks.finish_time AS BIGINT) - CAST(tasks.launch_time AS BIGINT)) AS duration_ms,
        -- A resubmitted task keeps the metrics of its first end: its event has none.
        sum(tasks.jvm_gc_time_ms) AS gc_time_ms,
        sum(tasks.input_bytes) AS input_bytes,
        sum(
            coalesce(tasks.shuffle_local_bytes_read, 0)
            + coalesce(tasks.shuffle_remote_bytes_read, 0)
        ) AS shuffle_read_bytes,
        sum(tasks.shuffle_write_bytes) AS shuffle_write_bytes
    FROM executors
    JOIN lake.task_ends AS tasks
        ON tasks.app_id = executors.app_id
        AND tasks.attempt_id = executors.attempt_id
        AND tasks.executor_id = executors.executor_id
    WHERE NOT executors.is_plain
        AND tasks.segment * 100000000000 + tasks.line > executors.added_at
        AND (executors.removed_at IS NULL
            OR tasks.segment * 100000000000 + tasks.line < executors.removed_at)
    GROUP BY executors.app_id, executors.attempt_id, executors.executor_id
),
-- What a task takes of an executor: its resource profile's cpus, else spark.task.cpus, else 1.
-- (The History Server never uses ResourceProfile.maxTasksPerExecutor: isCoresLimitKnown is false
-- for a profile read from a log.)
profile_cpus AS (
    SELECT
        app_id,
        attempt_id,
        resource_profile_id,
        last_value(amount ORDER BY segment, line) AS cpus
    FROM lake.resource_requests
    WHERE section = 'Task Resource Requests' AND name = 'cpus'
    GROUP BY app_id, attempt_id, resource_profile_id
),
applications AS (
    SELECT
        app_id,
        attempt_id,
        last_value(time ORDER BY segment, line)
            FILTER (WHERE event = 'SparkListenerApplicationStart') AS start_time,
        last_value(time ORDER BY segment, line)
            FILTER (WHERE event = 'SparkListenerApplicationEnd') AS end_time
    FROM lake.application_events
    GROUP BY app_id, attempt_id
),
default_cpus AS (
    SELECT app_id, attempt_id, last_value(value ORDER BY segment, line) AS cpus
    FROM lake.environment_entries
    WHERE section = 'Spark Properties' AND name = 'spark.task.cpus'
    GROUP BY app_id, attempt_id
)
SELECT
    executors.app_id,
    NULLIF(executors.attempt_id, '') AS attempt_id,
    executors.executor_id,
    coalesce(executors.host_port, executors.host) AS host_port,
    executors.removed_at IS NULL AS is_active,
    coalesce(executors.total_cores, 0) AS total_cores,
    coalesce(executors.total_cores, 0) / coalesce(
        NULLIF(CAST(profile_cpus.cpus AS BIGINT), 0),
        NULLIF(TRY_CAST(default_cpus.cpus AS BIGINT), 0),
        1) AS max_tasks,
    coalesce(starts.started, 0) - coalesce(ends.ended, 0) AS active_tasks,
    coalesce(ends.failed, 0) AS failed_tasks,
    coalesce(ends.completed, 0) AS completed_tasks,
    coalesce(starts.started, 0) AS total_tasks,
    -- The driver is there as long as its application (AppStatusStore.replaceExec).
    CASE
        WHEN executors.executor_id = 'driver' AND applications.start_time IS NOT NULL
            THEN CAST(coalesce(applications.end_time, attempts.last_event_time) AS BIGINT)
                - CAST(applications.start_time AS BIGINT)
        ELSE coalesce(ends.duration_ms, 0)
    END AS total_duration_ms,
    -- So are its collections: their peak stands for the sum over its tasks, where it is known.
    coalesce(driver_peaks.total_gc_time_ms, ends.gc_time_ms, 0) AS total_gc_time_ms,
    coalesce(ends.input_bytes, 0) AS total_input_bytes,
    coalesce(ends.shuffle_read_bytes, 0) AS total_shuffle_read,
    coalesce(ends.shuffle_write_bytes, 0) AS total_shuffle_write,
    coalesce(excluded.is_excluded, false) AS is_excluded,
    coalesce(executors.max_memory, 0) AS max_memory,
    executors.add_time,
    executors.remove_time,
    executors.remove_reason,
    coalesce(executors.resource_profile_id, 0) AS resource_profile_id
FROM executors
JOIN attempts
    ON attempts.app_id = executors.app_id
    AND attempts.attempt_id = executors.attempt_id
LEFT JOIN applications
    ON applications.app_id = executors.app_id
    AND applications.attempt_id = executors.attempt_id
LEFT JOIN excluded
    ON excluded.app_id = executors.app_id
    AND excluded.attempt_id = executors.attempt_id
    AND excluded.executor_id = executors.executor_id
LEFT JOIN starts
    ON starts.app_id = executors.app_id
    AND starts.attempt_id = executors.attempt_id
    AND starts.executor_id = executors.executor_id
LEFT JOIN ends
    ON ends.app_id = executors.app_id
    AND ends.attempt_id = executors.attempt_id
    AND ends.executor_id = executors.executor_id
LEFT JOIN profile_cpus
    ON profile_cpus.app_id = executors.app_id
    AND profile_cpus.attempt_id = executors.attempt_id
    AND profile_cpus.resource_profile_id = coalesce(executors.resource_profile_id, 0)
LEFT JOIN default_cpus
    ON default_cpus.app_id = executors.app_id
    AND default_cpus.attempt_id = executors.attempt_id
LEFT JOIN executor_peak_metrics AS driver_peaks
    ON driver_peaks.app_id = executors.app_id
    AND coalesce(driver_peaks.attempt_id, '') = executors.attempt_id
    AND driver_peaks.executor_id = executors.executor_id
    AND driver_peaks.executor_id = 'driver'
