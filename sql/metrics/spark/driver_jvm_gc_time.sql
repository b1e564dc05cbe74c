-- family: spark_driver_jvm_gc_time
-- type: unknown
-- help: Time that the JVM of a driver has spent in garbage collection, in milliseconds.
-- unit: milliseconds
-- labels: cluster, namespace, app_name, app_id, attempt_id, pod
-- budget: 500
-- rest: sum
--
-- From: SparkListenerExecutorMetricsUpdate and SparkListenerStageExecutorMetrics of the driver, which
-- are in logs with `spark.eventLog.logStageExecutorMetrics=true`. Without it there is a series in local mode
-- alone, where the driver runs the tasks and their ends have it.
SELECT
    cluster,
    namespace,
    app_name,
    app_id,
    attempt_id,
    pod,
    total_gc_time_ms AS value
FROM recent.executors
WHERE is_driver
