-- family: stagelight_spark_application_tasks
-- type: gauge
-- help: Task attempts of an application by their present status.
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
    coalesce(tasks.tasks, 0) AS value
FROM recent.deployments
CROSS JOIN (VALUES ('RUNNING'), ('SUCCESS'), ('FAILED'), ('KILLED')) AS statuses (status)
LEFT JOIN recent.tasks
    ON tasks.app_id = deployments.app_id
    AND tasks.status = statuses.status
    AND tasks.attempt_id IS NOT DISTINCT FROM deployments.attempt_id
