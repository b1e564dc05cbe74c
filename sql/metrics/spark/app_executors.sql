-- family: spark_app_executors
-- type: gauge
-- help: Executors of an application, without the driver, by status: active, removed.
-- unit: 1
-- labels: cluster, namespace, app_name, app_id, attempt_id, status
-- kept: status
-- budget: 500
-- rest: sum
--
-- From: SparkListenerExecutorAdded and SparkListenerExecutorRemoved (view `executors`). Executors of an
-- application that has ended stay active, as on the executors page.
SELECT
    deployments.cluster,
    deployments.namespace,
    deployments.app_name,
    deployments.app_id,
    deployments.attempt_id,
    statuses.status,
    count(executors.executor_id) AS value
FROM recent.deployments
CROSS JOIN (VALUES ('active', true), ('removed', false)) AS statuses (status, is_active)
LEFT JOIN recent.executors
    ON executors.app_id = deployments.app_id
    AND executors.is_active = statuses.is_active
    AND NOT executors.is_driver
    AND executors.attempt_id IS NOT DISTINCT FROM deployments.attempt_id
GROUP BY
    deployments.cluster, deployments.namespace, deployments.app_name, deployments.app_id,
    deployments.attempt_id, statuses.status
