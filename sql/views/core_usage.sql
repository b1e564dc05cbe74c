-- A row is an application attempt, with the core time that its executors were there for and what
-- became of it: core_time_ms is busy, idle while a job ran, or idle while none did. Failed, killed and
-- redone are parts of busy. In local mode the driver is the executor; in a cluster it runs no tasks
-- and does not count. Executors of which no cores are known do not count either.
-- Spark: ExecutorInfo.totalCores, TaskInfo.duration (a task holds its cores from launch to finish),
-- ResourceProfile (cpus of a task; getResourcesForClusterManager and calculateOverHeadMemory: the
-- memory that is asked for). Sparklens: EfficiencyStatisticsAnalyzer (what is wasted while no job runs
-- and within jobs), which takes the most executors that there were for all that time.
--
-- A task's duration goes on until the driver has read its result, when its cores may have the next task
-- already: where tasks are many and short, busy is a little too much and idle too little.
--
-- An executor is there from when it was added until it was removed, or its application ended or was
-- last heard of. A task's cpus are those of its executor's profile. Tasks are taken to run within jobs:
-- those few that outlive theirs make idle_in_jobs less. Redone is what tasks took that succeeded and
-- whose partition succeeded again later, mostly in a later attempt of the stage. A later job has the
-- same stage under another id: what is lost of an earlier job's shuffle is not seen here.
WITH application_ends AS (
    SELECT app_id, attempt_id, max(time) AS end_time
    FROM lake.application_events
    WHERE event = 'SparkListenerApplicationEnd'
    GROUP BY app_id, attempt_id
),
spans AS (
    SELECT
        attempts.app_id,
        attempts.attempt_id,
        CAST(coalesce(ends.end_time, attempts.last_event_time) AS BIGINT) AS end_ms
    FROM attempts
    LEFT JOIN application_ends AS ends
        ON ends.app_id = attempts.app_id AND ends.attempt_id = attempts.attempt_id
),
sizes AS (
    SELECT
        app_id,
        attempt_id,
        name,
        value,
        segment,
        line,
        byte_string(value, 'm') / 1048576.0 AS mib
    FROM lake.environment_entries
    WHERE section = 'Spark Properties'
        AND name IN (
            'spark.master',
            'spark.task.cpus',
            'spark.driver.memory',
            'spark.executor.memory',
            'spark.executor.memoryOverhead',
            'spark.executor.memoryOverheadFactor',
            'spark.executor.minMemoryOverhead',
            'spark.executor.pyspark.memory',
            'spark.kubernetes.memoryOverheadFactor')
),
settings AS (
    SELECT
        app_id,
        attempt_id,
        last_value(value ORDER BY segment, line) FILTER (WHERE name = 'spark.master') AS master,
        TRY_CAST(last_value(value ORDER BY segment, line)
            FILTER (WHERE name = 'spark.task.cpus') AS BIGINT) AS task_cpus,
        last_value(mib ORDER BY segment, line)
            FILTER (WHERE name = 'spark.driver.memory') AS driver_memory,
        last_value(mib ORDER BY segment, line)
            FILTER (WHERE name = 'spark.executor.memory') AS executor_memory,
        last_value(mib ORDER BY segment, line)
            FILTER (WHERE name = 'spark.executor.memoryOverhead') AS overhead,
        last_value(mib ORDER BY segment, line)
            FILTER (WHERE name = 'spark.executor.minMemoryOverhead') AS min_overhead,
        last_value(mib ORDER BY segment, line)
            FILTER (WHERE name = 'spark.executor.pyspark.memory') AS pyspark_memory,
        TRY_CAST(coalesce(
            last_value(value ORDER BY segment, line)
                FILTER (WHERE name = 'spark.executor.memoryOverheadFactor'),
            last_value(value ORDER BY segment, line)
                FILTER (WHERE name = 'spark.kubernetes.memoryOverheadFactor')
        ) AS DOUBLE) AS overhead_factor
    FROM sizes
    GROUP BY app_id, attempt_id
),
-- Since Spark 3.1; the default profile, 0, has what is set.
profiles AS (
    SELECT
        app_id,
        attempt_id,
        resource_profile_id,
        last_value(amount ORDER BY segment, line)
            FILTER (WHERE section = 'Task Resource Requests' AND name = 'cpus') AS cpus,
        last_value(amount ORDER BY segment, line)
            FILTER (WHERE section = 'Executor Resource Requests' AND name = 'memory') AS memory,
        last_value(amount ORDER BY segment, line)
            FILTER (WHERE section = 'Executor Resource Requests' AND name = 'memoryOverhead')
            AS overhead,
        last_value(amount ORDER BY segment, line)
            FILTER (WHERE section = 'Executor Resource Requests' AND name = 'pyspark.memory')
            AS pyspark_memory,
        last_value(amount ORDER BY segment, line)
            FILTER (WHERE section = 'Executor Resource Requests' AND name = 'offHeap') AS off_heap
    FROM lake.resource_requests
    GROUP BY app_id, attempt_id, resource_profile_id
),
lives AS (
    SELECT
        lives.app_id,
        lives.attempt_id,
        lives.executor_id,
        lives.is_last,
        lives.total_cores,
        lives.duration_ms,
        CAST(lives.add_time AS BIGINT) AS from_ms,
        greatest(
            CAST(lives.add_time AS BIGINT),
            coalesce(CAST(lives.remove_time AS BIGINT), spans.end_ms)) AS to_ms,
        spans.end_ms,
        coalesce(
            NULLIF(CAST(profiles.cpus AS BIGINT), 0),
            NULLIF(settings.task_cpus, 0),
            1) AS cpus,
        CASE
            -- spark.driver.memory and spark.executor.memory have a default of 1g.
            WHEN lives.executor_id = 'driver' THEN coalesce(settings.driver_memory, 1024)
            ELSE coalesce(profiles.memory, defaults.memory, settings.executor_memory, 1024)
        END AS memory_mib,
        -- What lies beside the heap is asked for where there are containers.
        settings.master IS NULL
            OR settings.master NOT LIKE 'local%' AND settings.master NOT LIKE 'spark://%'
            AS has_containers,
        coalesce(profiles.overhead, defaults.overhead, settings.overhead) AS overhead_mib,
        coalesce(settings.min_overhead, 384) AS min_overhead_mib,
        coalesce(settings.overhead_factor, 0.1) AS overhead_factor,
        coalesce(profiles.pyspark_memory, defaults.pyspark_memory, settings.pyspark_memory, 0)
            AS pyspark_mib,
        coalesce(profiles.off_heap, defaults.off_heap, 0) AS off_heap_mib
    FROM executor_lives AS lives
    JOIN spans
        ON spans.app_id = lives.app_id AND spans.attempt_id = lives.attempt_id
    LEFT JOIN settings
        ON settings.app_id = lives.app_id AND settings.attempt_id = lives.attempt_id
    LEFT JOIN profiles
        ON profiles.app_id = lives.app_id
        AND profiles.attempt_id = lives.attempt_id
        AND profiles.resource_profile_id = coalesce(lives.resource_profile_id, 0)
    LEFT JOIN profiles AS defaults
        ON defaults.app_id = lives.app_id
        AND defaults.attempt_id = lives.attempt_id
        AND defaults.resource_profile_id = 0
    WHERE lives.total_cores > 0
),
-- Cores come and go, jobs start and end: between two of these moments nothing changes. So jobs that
-- run at the same time count once.
moments AS (
    SELECT app_id, attempt_id, from_ms AS at_ms, total_cores AS cores, 0 AS jobs FROM lives
    UNION ALL
    SELECT app_id, attempt_id, to_ms, -total_cores, 0 FROM lives
    UNION ALL
    SELECT app_id, attempt_id, CAST(time AS BIGINT), 0, 1
    FROM lake.job_events
    WHERE event = 'SparkListenerJobStart'
    UNION ALL
    SELECT starts.app_id, starts.attempt_id, coalesce(CAST(ends.time AS BIGINT), spans.end_ms), 0, -1
    FROM lake.job_events AS starts
    JOIN spans
        ON spans.app_id = starts.app_id AND spans.attempt_id = starts.attempt_id
    LEFT JOIN lake.job_events AS ends
        ON ends.app_id = starts.app_id
        AND ends.attempt_id = starts.attempt_id
        AND ends.job_id = starts.job_id
        AND ends.event = 'SparkListenerJobEnd'
    WHERE starts.event = 'SparkListenerJobStart'
),
steps AS (
    SELECT
        app_id,
        attempt_id,
        sum(cores) OVER so_far AS cores,
        sum(jobs) OVER so_far AS jobs,
        lead(at_ms) OVER (PARTITION BY app_id, attempt_id ORDER BY at_ms) - at_ms AS lasts_ms
    FROM moments
    -- Those of the same time come together.
    WINDOW so_far AS (
        PARTITION BY app_id, attempt_id
        ORDER BY at_ms
        RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    )
),
there AS (
    SELECT
        app_id,
        attempt_id,
        sum(cores * lasts_ms) AS core_time_ms,
        sum(cores * lasts_ms) FILTER (WHERE jobs > 0) AS core_time_in_jobs_ms,
        sum(lasts_ms) FILTER (WHERE jobs > 0) AS job_time_ms
    FROM steps
    GROUP BY app_id, attempt_id
),
ended AS (
    SELECT
        app_id,
        attempt_id,
        count(*) AS num_executors,
        sum(duration_ms * cpus) FILTER (WHERE is_last) AS busy_ms,
        sum(
            CAST(to_ms - from_ms AS DOUBLE) / 3600000
            * (memory_mib
                + CASE
                    WHEN has_containers THEN
                        coalesce(
                            overhead_mib,
                            greatest(floor(overhead_factor * memory_mib), min_overhead_mib))
                        + pyspark_mib
                        + off_heap_mib
                    ELSE 0
                END)
            / 1024) AS memory_gib_hours
    FROM lives
    GROUP BY app_id, attempt_id
),
-- Few tasks have not ended or have not ended well.
running AS (
    SELECT
        starts.app_id,
        starts.attempt_id,
        sum((lives.end_ms - CAST(starts.launch_time AS BIGINT)) * lives.cpus) AS running_ms
    FROM unmatched_tasks AS unmatched
    JOIN lake.task_starts AS starts
        ON starts.app_id = unmatched.app_id
        AND starts.attempt_id = unmatched.attempt_id
        AND starts.task_id = unmatched.task_id
    JOIN lives
        ON lives.app_id = starts.app_id
        AND lives.attempt_id = starts.attempt_id
        AND lives.executor_id = starts.executor_id
    WHERE unmatched.is_unfinished AND lives.is_last
    GROUP BY starts.app_id, starts.attempt_id
),
odd_ends AS (
    SELECT
        tasks.app_id,
        tasks.attempt_id,
        tasks.end_reason,
        (CAST(tasks.finish_time AS BIGINT) - CAST(tasks.launch_time AS BIGINT)) * lives.cpus
            AS core_ms,
        row_number() OVER (
            PARTITION BY
                tasks.app_id,
                tasks.attempt_id,
                tasks.stage_id,
                -- Before Spark 3.3 it is not said.
                coalesce(NULLIF(tasks.partition_id, -1), -1 - tasks.task_id),
                tasks.end_reason = 'Success'
            ORDER BY tasks.segment DESC, tasks.line DESC
        ) AS nth_last
    FROM stage_totals AS totals
    JOIN lake.task_ends AS tasks
        ON tasks.app_id = totals.app_id
        AND tasks.attempt_id = totals.attempt_id
        AND tasks.stage_id = totals.stage_id
        AND tasks.stage_attempt_id = totals.stage_attempt_id
    JOIN lives
        ON lives.app_id = tasks.app_id
        AND lives.attempt_id = tasks.attempt_id
        AND lives.executor_id = tasks.executor_id
    WHERE lives.is_last AND (totals.is_retried OR totals.num_ended > totals.num_succeeded)
),
wasted AS (
    SELECT
        app_id,
        attempt_id,
        sum(core_ms) FILTER (
            WHERE end_reason IS NULL
                OR end_reason NOT IN ('Success', 'Resubmitted', 'TaskKilled', 'TaskCommitDenied')
        ) AS failed_ms,
        sum(core_ms) FILTER (WHERE end_reason IN ('TaskKilled', 'TaskCommitDenied')) AS killed_ms,
        -- A resubmitted task ends a second time with the times of the first.
        sum(core_ms) FILTER (WHERE end_reason = 'Resubmitted') AS repeated_ms,
        sum(core_ms) FILTER (WHERE end_reason = 'Success' AND nth_last > 1) AS redone_ms
    FROM odd_ends
    GROUP BY app_id, attempt_id
),
times AS (
    SELECT
        ended.app_id,
        ended.attempt_id,
        ended.num_executors,
        there.job_time_ms,
        there.core_time_ms,
        there.core_time_in_jobs_ms,
        coalesce(ended.busy_ms, 0)
            + coalesce(running.running_ms, 0)
            - coalesce(wasted.repeated_ms, 0) AS busy_core_time_ms,
        coalesce(wasted.failed_ms, 0) AS failed_core_time_ms,
        coalesce(wasted.killed_ms, 0) AS killed_core_time_ms,
        coalesce(wasted.redone_ms, 0) AS redone_core_time_ms,
        ended.memory_gib_hours
    FROM ended
    JOIN there
        ON there.app_id = ended.app_id AND there.attempt_id = ended.attempt_id
    LEFT JOIN running
        ON running.app_id = ended.app_id AND running.attempt_id = ended.attempt_id
    LEFT JOIN wasted
        ON wasted.app_id = ended.app_id AND wasted.attempt_id = ended.attempt_id
),
in_jobs AS (
    SELECT
        *,
        -- What is busy for longer than jobs ran has outlived them.
        greatest(coalesce(core_time_in_jobs_ms, 0) - busy_core_time_ms, 0)
            AS idle_in_jobs_core_time_ms
    FROM times
),
split AS (
    SELECT
        *,
        greatest(core_time_ms - busy_core_time_ms - idle_in_jobs_core_time_ms, 0)
            AS idle_without_jobs_core_time_ms
    FROM in_jobs
)
SELECT
    app_id,
    NULLIF(attempt_id, '') AS attempt_id,
    num_executors,
    coalesce(job_time_ms, 0) AS job_time_ms,
    core_time_ms,
    busy_core_time_ms,
    idle_in_jobs_core_time_ms,
    idle_without_jobs_core_time_ms,
    failed_core_time_ms,
    killed_core_time_ms,
    redone_core_time_ms,
    CAST(busy_core_time_ms AS DOUBLE) / NULLIF(core_time_ms, 0) AS busy_ratio,
    CAST(idle_in_jobs_core_time_ms AS DOUBLE) / NULLIF(core_time_ms, 0) AS idle_in_jobs_ratio,
    CAST(idle_without_jobs_core_time_ms AS DOUBLE) / NULLIF(core_time_ms, 0)
        AS idle_without_jobs_ratio,
    CAST(failed_core_time_ms AS DOUBLE) / NULLIF(core_time_ms, 0) AS failed_ratio,
    CAST(killed_core_time_ms AS DOUBLE) / NULLIF(core_time_ms, 0) AS killed_ratio,
    CAST(redone_core_time_ms AS DOUBLE) / NULLIF(core_time_ms, 0) AS redone_ratio,
    memory_gib_hours
FROM split
