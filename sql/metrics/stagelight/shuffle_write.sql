-- family: stagelight_spark_shuffle_write_bytes_total
-- type: counter
-- help: Bytes of shuffle data that tasks wrote, summed over the tasks of all applications.
-- unit: bytes
-- labels: cluster, namespace, app_name
-- budget: 200
-- rest: sum
SELECT
    cluster,
    namespace,
    app_name,
    shuffle_write_bytes AS value
FROM recent.totals
