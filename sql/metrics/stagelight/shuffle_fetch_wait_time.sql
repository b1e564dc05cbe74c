-- family: stagelight_spark_shuffle_fetch_wait_time_seconds_total
-- type: counter
-- help: Time that tasks waited for blocks of shuffles from other executors, summed over the tasks of all applications.
-- unit: seconds
-- labels: cluster, namespace, app_name
-- budget: 200
-- rest: sum
SELECT
    cluster,
    namespace,
    app_name,
    shuffle_fetch_wait_time_ms / 1000.0 AS value
FROM recent.totals
