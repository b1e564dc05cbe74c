-- family: spark_driver_jvm_heap_max
-- type: gauge
-- help: Heap that the JVM of a driver may use.
-- unit: bytes
-- labels: cluster, namespace, app_name, app_id, attempt_id, pod
-- budget: 500
-- rest: max
--
-- From: `spark.driver.memory`, or Spark's default of 1 GiB.
SELECT
    cluster,
    namespace,
    app_name,
    app_id,
    attempt_id,
    driver_pod AS pod,
    driver_memory_bytes AS value
FROM recent.deployments
