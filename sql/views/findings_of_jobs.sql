-- A row is an application attempt, or a job of it, and a rule of `findings`, which this is part of,
-- whose number can be told of its jobs, stages and cores. What is said and advised holds where the
-- number has reached a level.
WITH ended_jobs AS (
    SELECT
        app_id,
        attempt_id,
        count(*) AS num_jobs,
        count(*) FILTER (WHERE status = 'FAILED') AS num_failed
    FROM findings_jobs
    WHERE status IN ('SUCCEEDED', 'FAILED')
    GROUP BY app_id, attempt_id
),
ended_stages AS (
    SELECT
        app_id,
        attempt_id,
        count(*) AS num_stages,
        count(*) FILTER (WHERE status = 'FAILED') AS num_failed
    FROM findings_stages
    WHERE status IN ('COMPLETE', 'FAILED')
    GROUP BY app_id, attempt_id
),
-- A stage adds the time in which no other of its job has run that began before. Spark's submission
-- time may be long before its first task: then it waits, as a job without stages does.
job_stages AS (
    SELECT
        lives.app_id,
        lives.attempt_id,
        lives.job_id,
        stages.stage_id,
        CAST(stages.first_task_launched_time AS BIGINT) AS from_ms,
        CAST(stages.completion_time AS BIGINT) AS to_ms
    FROM job_stage_lives AS lives
    JOIN findings_stages AS stages
        ON stages.app_id = lives.app_id
        AND coalesce(stages.attempt_id, '') = lives.attempt_id
        AND stages.stage_id = lives.stage_id
        AND stages.stage_attempt_id = lives.stage_attempt_id
    WHERE lives.counts_from IS NOT NULL
        AND lives.is_last
        AND stages.first_task_launched_time IS NOT NULL
),
stage_times AS (
    SELECT
        *,
        greatest(0, to_ms - greatest(from_ms, coalesce(max(to_ms) OVER before, from_ms)))
            AS adds_ms
    FROM job_stages
    WINDOW before AS (
        PARTITION BY app_id, attempt_id, job_id
        ORDER BY from_ms, stage_id
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    )
),
job_times AS (
    SELECT app_id, attempt_id, job_id, sum(adds_ms) AS stage_ms
    FROM stage_times
    GROUP BY app_id, attempt_id, job_id
),
timed_jobs AS (
    SELECT
        jobs.app_id,
        jobs.attempt_id,
        jobs.job_id,
        job_times.stage_ms,
        jobs.job_ms
    FROM findings_jobs AS jobs
    JOIN job_times
        ON job_times.app_id = jobs.app_id
        AND job_times.attempt_id = coalesce(jobs.attempt_id, '')
        AND job_times.job_id = jobs.job_id
)
SELECT
    app_id,
    attempt_id,
    'job_failures' AS rule,
    CAST(num_failed AS DOUBLE) / num_jobs AS value,
    CAST(NULL AS BIGINT) AS stage_id,
    CAST(NULL AS BIGINT) AS stage_attempt_id,
    concat(num_failed, ' of ', num_jobs, ' jobs that ended have failed.') AS evidence,
    'See failure_causes for what was first; spark.task.maxFailures and '
    || 'spark.stage.maxConsecutiveAttempts decide how often Spark tries again.' AS advice
FROM ended_jobs
WHERE num_failed > 0
UNION ALL
SELECT
    app_id,
    attempt_id,
    'stage_failures',
    CAST(num_failed AS DOUBLE) / num_stages,
    NULL,
    NULL,
    concat(num_failed, ' of ', num_stages, ' stage attempts that ended have failed.'),
    'See failure_causes for what was first; where executors are lost, spark.decommission.enabled '
    || 'and an external shuffle service (spark.shuffle.service.enabled) keep their shuffles.'
FROM ended_stages
WHERE num_failed > 0
UNION ALL
SELECT
    app_id,
    attempt_id,
    'job_task_failures',
    CAST(num_failed_tasks AS DOUBLE) / (num_completed_tasks + num_failed_tasks),
    NULL,
    NULL,
    concat(
        'Of ', num_completed_tasks + num_failed_tasks, ' tasks of job ', job_id, ', ',
        num_failed_tasks, ' failed.'),
    'See failure_causes for why; spark.task.maxFailures and spark.excludeOnFailure.enabled decide '
    || 'what Spark does about it.'
FROM findings_jobs
WHERE num_failed_tasks > 0
UNION ALL
SELECT
    app_id,
    attempt_id,
    'job_idle',
    1.0 - CAST(stage_ms AS DOUBLE) / job_ms,
    NULL,
    NULL,
    concat(
        'Job ', job_id, ' took ', format_metric('timing', job_ms), '; in ',
        format_metric('timing', job_ms - stage_ms), ' of it no task of its stages had come.'),
    'It waits for executors or for other jobs: spark.dynamicAllocation.minExecutors, '
    || 'spark.dynamicAllocation.schedulerBacklogTimeout, spark.scheduler.mode=FAIR.'
FROM timed_jobs
WHERE job_ms > 1000 * (SELECT value FROM thresholds WHERE name = 'job_idle_min_duration')
UNION ALL
-- Compass asks for the two kinds of idle, and where the application is long enough.
SELECT
    cores.app_id,
    cores.attempt_id,
    kinds.rule,
    CASE kinds.rule
        WHEN 'cores_idle' THEN cores.idle_in_jobs_ratio + cores.idle_without_jobs_ratio
        WHEN 'cores_idle_in_jobs' THEN cores.idle_in_jobs_ratio
        ELSE cores.idle_without_jobs_ratio
    END,
    NULL,
    NULL,
    concat(
        'Of ', format_metric('timing', cores.core_time_ms), ' of core time, ',
        format_metric('timing', cores.idle_in_jobs_core_time_ms), ' were idle while jobs ran and ',
        format_metric('timing', cores.idle_without_jobs_core_time_ms), ' while none did.'),
    CASE kinds.rule
        WHEN 'cores_idle' THEN 'Use fewer executors or cores: spark.executor.instances, '
            || 'spark.executor.cores, spark.dynamicAllocation.executorAllocationRatio.'
        WHEN 'cores_idle_in_jobs' THEN 'Stages have fewer tasks than there are cores, or a few long '
            || 'ones: more spark.sql.shuffle.partitions, less skew, or a lower '
            || 'spark.dynamicAllocation.maxExecutors.'
        ELSE 'The driver works alone: do its work in Spark, or give executors back meanwhile with '
            || 'spark.dynamicAllocation.enabled and spark.dynamicAllocation.executorIdleTimeout.'
    END
FROM core_usage AS cores
JOIN findings_applications AS applications
    ON applications.app_id = cores.app_id
    AND coalesce(applications.attempt_id, '') = coalesce(cores.attempt_id, '')
CROSS JOIN (
    VALUES ('cores_idle'), ('cores_idle_in_jobs'), ('cores_idle_without_jobs')
) AS kinds (rule)
WHERE cores.core_time_ms > 0
    AND applications.duration_ms > 1000 * (
        SELECT value FROM thresholds WHERE name = 'application_min_duration')
