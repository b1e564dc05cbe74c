-- family: stagelight_spark_memory_spilled_bytes_total
-- type: counter
-- help: Size in memory of the data that tasks spilled, summed over the tasks of all applications.
-- unit: bytes
-- labels: cluster, namespace, app_name
-- budget: 200
-- rest: sum
SELECT
    cluster,
    namespace,
    app_name,
    memory_bytes_spilled AS value
FROM recent.totals
