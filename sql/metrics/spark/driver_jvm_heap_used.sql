-- family: spark_driver_jvm_heap_used
-- type: gauge
-- help: Heap that the JVM of a driver used, the peak of its last report.
-- unit: bytes
-- labels: cluster, namespace, app_name, app_id, attempt_id, pod
-- budget: 500
-- rest: max
--
-- From: SparkListenerExecutorMetricsUpdate and SparkListenerStageExecutorMetrics of the driver, which
-- are in logs with `spark.eventLog.logStageExecutorMetrics=true`. Without it there is a series in local mode
-- alone, where the driver runs the tasks and their ends have its peaks.
SELECT
    cluster,
    namespace,
    app_name,
    app_id,
    attempt_id,
    pod,
    jvm_heap_memory AS value
FROM recent.executors
WHERE is_driver
