-- family: stagelight_spark_scheduler_delay_seconds_total
-- type: counter
-- help: Time that tasks that succeeded were neither deserialised, run, nor their results serialised or fetched, summed over the tasks of all applications.
-- unit: seconds
-- labels: cluster, namespace, app_name
-- budget: 200
-- rest: sum
SELECT
    cluster,
    namespace,
    app_name,
    scheduler_delay_ms / 1000.0 AS value
FROM recent.totals
