-- family: spark_driver_DAGScheduler_stage_failedStages
-- type: gauge
-- help: Stage attempts of an application that failed.
-- unit: 1
-- labels: cluster, namespace, app_name, app_id, attempt_id, pod
-- budget: 500
-- rest: sum
--
-- From: SparkListenerStageCompleted with a failure reason (view `stages`).
SELECT
    deployments.cluster,
    deployments.namespace,
    deployments.app_name,
    deployments.app_id,
    deployments.attempt_id,
    deployments.driver_pod AS pod,
    count(stages.stage_id) AS value
FROM recent.deployments
LEFT JOIN recent.stages
    ON stages.app_id = deployments.app_id
    AND stages.status = 'FAILED'
    AND stages.attempt_id IS NOT DISTINCT FROM deployments.attempt_id
GROUP BY
    deployments.cluster, deployments.namespace, deployments.app_name, deployments.app_id,
    deployments.attempt_id, deployments.driver_pod
