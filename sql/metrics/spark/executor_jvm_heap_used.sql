-- family: spark_executor_runtime_jvm_heap_used
-- type: gauge
-- help: Heap that the JVM of an executor used, the peak of its last report.
-- unit: bytes
-- labels: cluster, namespace, app_name, app_id, attempt_id, pod, executor_id
-- budget: 500
-- rest: max
--
-- From: SparkListenerStageExecutorMetrics with `spark.eventLog.logStageExecutorMetrics=true`, and the
-- peaks in the ends of tasks (Spark 3.1); an executor that has reported none has no series.
SELECT
    cluster,
    namespace,
    app_name,
    app_id,
    attempt_id,
    pod,
    executor_id,
    jvm_heap_memory AS value
FROM recent.executors
WHERE NOT is_driver
