-- family: spark_driver_BlockManager_memory_memUsed_MB
-- type: gauge
-- help: Memory that the block managers of an application use for storage, in MiB, as their last reports say.
-- unit: mebibytes
-- labels: cluster, namespace, app_name, app_id, attempt_id, pod
-- budget: 500
-- rest: sum
--
-- From: storage memory of the executors that have reported any: with
-- `spark.eventLog.logStageExecutorMetrics=true`, or from the ends of tasks (Spark 3.1). Spark:
-- BlockManagerSource.
SELECT
    executors.cluster,
    executors.namespace,
    executors.app_name,
    executors.app_id,
    executors.attempt_id,
    deployments.driver_pod AS pod,
    sum(executors.storage_memory) / 1048576.0 AS value
FROM recent.executors
JOIN recent.deployments
    ON deployments.app_id = executors.app_id
    AND deployments.attempt_id IS NOT DISTINCT FROM executors.attempt_id
WHERE executors.is_active
GROUP BY
    executors.cluster, executors.namespace, executors.app_name, executors.app_id,
    executors.attempt_id, deployments.driver_pod
