-- family: stagelight_spark_output_bytes_total
-- type: counter
-- help: Bytes that tasks wrote to storage, summed over the tasks of all applications.
-- unit: bytes
-- labels: cluster, namespace, app_name
-- budget: 200
-- rest: sum
SELECT
    cluster,
    namespace,
    app_name,
    output_bytes AS value
FROM recent.totals
