-- family: stagelight_spark_application_jobs
-- type: gauge
-- help: Jobs of an application by their present status.
-- unit: 1
-- labels: cluster, namespace, app_name, app_id, attempt_id, status
-- kept: status
-- budget: 500
-- rest: sum
SELECT
    deployments.cluster,
    deployments.namespace,
    deployments.app_name,
    deployments.app_id,
    deployments.attempt_id,
    statuses.status,
    coalesce(jobs.jobs, 0) AS value
FROM recent.deployments
CROSS JOIN (VALUES ('RUNNING'), ('SUCCEEDED'), ('FAILED')) AS statuses (status)
LEFT JOIN recent.jobs
    ON jobs.app_id = deployments.app_id
    AND jobs.status = statuses.status
    AND jobs.attempt_id IS NOT DISTINCT FROM deployments.attempt_id
