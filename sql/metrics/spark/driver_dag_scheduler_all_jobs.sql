-- family: spark_driver_DAGScheduler_job_allJobs
-- type: gauge
-- help: Jobs of an application by status: running, succeeded, failed.
-- unit: 1
-- labels: cluster, namespace, app_name, app_id, attempt_id, pod, status
-- kept: status
-- budget: 500
-- rest: sum
--
-- From: SparkListenerJobStart and SparkListenerJobEnd (view `jobs`).
SELECT
    deployments.cluster,
    deployments.namespace,
    deployments.app_name,
    deployments.app_id,
    deployments.attempt_id,
    deployments.driver_pod AS pod,
    statuses.status,
    CASE statuses.status
        WHEN 'running' THEN totals.num_running_jobs
        WHEN 'succeeded' THEN totals.num_succeeded_jobs
        WHEN 'failed' THEN totals.num_failed_jobs
    END AS value
FROM recent.deployments
CROSS JOIN (VALUES ('running'), ('succeeded'), ('failed')) AS statuses (status)
JOIN recent.application_totals AS totals
    ON totals.app_id = deployments.app_id
    AND totals.attempt_id IS NOT DISTINCT FROM deployments.attempt_id
