-- family: stagelight_spark_input_bytes_total
-- type: counter
-- help: Bytes that tasks read from storage or from cached data, summed over the tasks of all applications.
-- unit: bytes
-- labels: cluster, namespace, app_name
-- budget: 200
-- rest: sum
SELECT
    cluster,
    namespace,
    app_name,
    input_bytes AS value
FROM recent.totals
