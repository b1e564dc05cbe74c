-- family: stagelight_spark_application_core_time_seconds
-- type: gauge
-- help: Core time of the executors of an application by what became of it: busy, idle_in_jobs (while a job ran), idle_without_jobs.
-- unit: seconds
-- labels: cluster, namespace, app_name, app_id, attempt_id, state
-- kept: state
-- budget: 500
-- rest: sum
--
-- From: view `core_usage`. Executors of which no cores are known do not count.
SELECT
    totals.cluster,
    totals.namespace,
    totals.app_name,
    totals.app_id,
    totals.attempt_id,
    states.state,
    CASE states.state
        WHEN 'busy' THEN totals.busy_core_time_ms
        WHEN 'idle_in_jobs' THEN totals.idle_in_jobs_core_time_ms
        WHEN 'idle_without_jobs' THEN totals.idle_without_jobs_core_time_ms
    END / 1000.0 AS value
FROM recent.application_totals AS totals
CROSS JOIN (VALUES ('busy'), ('idle_in_jobs'), ('idle_without_jobs')) AS states (state)
