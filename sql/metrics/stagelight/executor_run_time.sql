-- family: stagelight_spark_executor_run_time_seconds_total
-- type: counter
-- help: Time that executors spent running tasks, summed over the tasks of all applications.
-- unit: seconds
-- labels: cluster, namespace, app_name
-- budget: 200
-- rest: sum
SELECT
    cluster,
    namespace,
    app_name,
    executor_run_time_ms / 1000.0 AS value
FROM recent.totals
