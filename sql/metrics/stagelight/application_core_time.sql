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
    deployments.cluster,
    deployments.namespace,
    deployments.app_name,
    deployments.app_id,
    deployments.attempt_id,
    states.state,
    CASE states.state
        WHEN 'busy' THEN core_usage.busy_core_time_ms
        WHEN 'idle_in_jobs' THEN core_usage.idle_in_jobs_core_time_ms
        ELSE core_usage.idle_without_jobs_core_time_ms
    END / 1000.0 AS value
FROM recent.core_usage
CROSS JOIN (VALUES ('busy'), ('idle_in_jobs'), ('idle_without_jobs')) AS states (state)
JOIN recent.deployments
    ON deployments.app_id = core_usage.app_id
    AND deployments.attempt_id IS NOT DISTINCT FROM core_usage.attempt_id
