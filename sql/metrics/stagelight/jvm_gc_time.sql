-- family: stagelight_spark_jvm_gc_time_seconds_total
-- type: counter
-- help: Time that the JVMs of executors spent in garbage collection while they ran tasks, summed over the tasks of all applications.
-- unit: seconds
-- labels: cluster, namespace, app_name
-- budget: 200
-- rest: sum
SELECT
    cluster,
    namespace,
    app_name,
    jvm_gc_time_ms / 1000.0 AS value
FROM recent.totals
