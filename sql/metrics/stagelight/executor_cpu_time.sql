-- family: stagelight_spark_executor_cpu_time_seconds_total
-- type: counter
-- help: CPU time that executors spent running tasks, summed over the tasks of all applications.
-- unit: seconds
-- labels: cluster, namespace, app_name
-- budget: 200
-- rest: sum
SELECT
    cluster,
    namespace,
    app_name,
    executor_cpu_time_ns / 1000000000.0 AS value
FROM recent.totals
