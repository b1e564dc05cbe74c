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
    lower(statuses.status) AS status,
    coalesce(jobs.jobs, 0) AS value
FROM recent.deployments
CROSS JOIN (VALUES ('RUNNING'), ('SUCCEEDED'), ('FAILED')) AS statuses (status)
LEFT JOIN recent.jobs
    ON jobs.app_id = deployments.app_id
    AND jobs.status = statuses.status
    AND jobs.attempt_id IS NOT DISTINCT FROM deployments.attempt_id
