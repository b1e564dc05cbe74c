-- A row is an application attempt, with how long it took and how long it would have taken: with as
-- many executors as it could use (critical_path_ms), with the cores that it had, all of them busy
-- while jobs run (ideal_time_ms), and with one core (one_core_time_ms).
-- Sparklens: EfficiencyStatisticsAnalyzer, JobOverlapHelper. Driver time is that in which no job runs;
-- it is in all three, since nothing is known to make it less. To it come, for critical_path_ms, the
-- critical paths of the jobs (see job_critical_paths), for ideal_time_ms what all tasks ran, divided by
-- the most cores that were there at a time, and for one_core_time_ms all that they ran. A task is taken
-- to need one core.
-- Of jobs that run side by side the longest counts, of those that run one after another all. Sparklens
-- tells them apart by SQL execution: it takes jobs of other executions to run one after another, and
-- counts the time that they share, and their critical paths, twice. Here their events tell, and time
-- counts once: critical_path_ms is of the longest row of jobs each of which began when the one before
-- had ended. A later job is taken to wait for an earlier one, as nothing says otherwise.
-- An application that runs has come as far as was heard of it. Where no start of it is known, all but
-- job_time_ms, num_cores and task_time_ms is NULL; where tasks are missing (see job_critical_paths), so
-- is what they would be needed for.
WITH spans AS (
    SELECT
        app_id,
        coalesce(attempt_id, '') AS attempt_id,
        CAST(start_time AS BIGINT) AS start_ms,
        duration_ms,
        CAST(coalesce(end_time, last_event_time) AS BIGINT) AS end_ms
    FROM applications
),
jobs AS (
    SELECT
        spans.app_id,
        spans.attempt_id,
        spans.end_ms,
        starts.segment * 100000000000 + starts.line AS from_at,
        ends.segment * 100000000000 + ends.line AS to_at,
        greatest(CAST(starts.time AS BIGINT), coalesce(spans.start_ms, 0)) AS from_ms,
        least(coalesce(CAST(ends.time AS BIGINT), spans.end_ms), spans.end_ms) AS to_ms,
        paths.critical_path_ms
    FROM lake.job_events AS starts
    JOIN spans
        ON spans.app_id = starts.app_id AND spans.attempt_id = starts.attempt_id
    JOIN job_critical_paths AS paths
        ON paths.app_id = spans.app_id
        AND coalesce(paths.attempt_id, '') = spans.attempt_id
        AND paths.job_id = starts.job_id
    LEFT JOIN lake.job_events AS ends
        ON ends.app_id = spans.app_id
        AND ends.attempt_id = spans.attempt_id
        AND ends.job_id = starts.job_id
        AND ends.event = 'SparkListenerJobEnd'
    WHERE starts.event = 'SparkListenerJobStart'
),
-- A job adds the time in which none of those before it runs any more.
added AS (
    SELECT
        *,
        greatest(0, to_ms - greatest(from_ms, coalesce(max(to_ms) OVER before, from_ms)))
            AS adds_ms
    FROM jobs
    WINDOW before AS (
        PARTITION BY app_id, attempt_id
        ORDER BY from_ms, from_at
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    )
),
job_times AS (
    SELECT
        app_id,
        attempt_id,
        sum(adds_ms) AS job_time_ms,
        longest_chain(from_at, to_at, critical_path_ms) AS critical_path_ms,
        count(*) > count(critical_path_ms) AS is_unknown
    FROM added
    GROUP BY app_id, attempt_id
),
task_times AS (
    SELECT app_id, attempt_id, sum(executor_run_time_ms) AS task_time_ms
    FROM stage_totals
    GROUP BY app_id, attempt_id
),
-- In local mode the driver has the cores, in a cluster it has none.
core_moves AS (
    SELECT app_id, attempt_id, CAST(add_time AS BIGINT) AS at_ms, total_cores AS step
    FROM executor_lives
    WHERE total_cores > 0
    UNION ALL
    SELECT app_id, attempt_id, CAST(remove_time AS BIGINT), -total_cores
    FROM executor_lives
    WHERE total_cores > 0 AND remove_time IS NOT NULL
),
core_counts AS (
    SELECT
        app_id,
        attempt_id,
        -- Those of the same time come together.
        sum(step) OVER (
            PARTITION BY app_id, attempt_id
            ORDER BY at_ms
            RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS num_cores
    FROM core_moves
),
cores AS (
    SELECT app_id, attempt_id, max(num_cores) AS num_cores
    FROM core_counts
    GROUP BY app_id, attempt_id
),
times AS (
    SELECT
        spans.app_id,
        NULLIF(spans.attempt_id, '') AS attempt_id,
        spans.duration_ms,
        coalesce(job_times.job_time_ms, 0) AS job_time_ms,
        spans.duration_ms - coalesce(job_times.job_time_ms, 0) AS driver_time_ms,
        cores.num_cores,
        CASE WHEN NOT coalesce(job_times.is_unknown, false)
            THEN coalesce(task_times.task_time_ms, 0) END AS task_time_ms,
        CASE WHEN NOT coalesce(job_times.is_unknown, false)
            THEN coalesce(job_times.critical_path_ms, 0) END AS jobs_critical_path_ms
    FROM spans
    LEFT JOIN job_times
        ON job_times.app_id = spans.app_id AND job_times.attempt_id = spans.attempt_id
    LEFT JOIN task_times
        ON task_times.app_id = spans.app_id AND task_times.attempt_id = spans.attempt_id
    LEFT JOIN cores
        ON cores.app_id = spans.app_id AND cores.attempt_id = spans.attempt_id
)
SELECT
    app_id,
    attempt_id,
    duration_ms,
    driver_time_ms,
    job_time_ms,
    task_time_ms,
    num_cores,
    driver_time_ms + jobs_critical_path_ms AS critical_path_ms,
    driver_time_ms + task_time_ms / NULLIF(num_cores, 0) AS ideal_time_ms,
    driver_time_ms + task_time_ms AS one_core_time_ms
FROM times
