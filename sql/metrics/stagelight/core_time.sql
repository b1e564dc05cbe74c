-- family: stagelight_spark_core_time_seconds_total
-- type: counter
-- help: Core time of the executors of all applications that have ended by what became of it: busy, idle_in_jobs (while a job ran), idle_without_jobs.
-- unit: seconds
-- labels: cluster, namespace, app_name, state
-- kept: state
-- budget: 400
-- rest: sum
SELECT
    totals.cluster,
    totals.namespace,
    totals.app_name,
    states.state,
    CASE states.state
        WHEN 'busy' THEN totals.busy_core_time_ms
        WHEN 'idle_in_jobs' THEN totals.idle_in_jobs_core_time_ms
        WHEN 'idle_without_jobs' THEN totals.idle_without_jobs_core_time_ms
    END / 1000.0 AS value
FROM recent.totals
CROSS JOIN (VALUES ('busy'), ('idle_in_jobs'), ('idle_without_jobs')) AS states (state)
