-- family: stagelight_spark_disk_spilled_bytes_total
-- type: counter
-- help: Size on disk of the data that tasks spilled, summed over the tasks of all applications.
-- unit: bytes
-- labels: cluster, namespace, app_name
-- budget: 200
-- rest: sum
SELECT
    cluster,
    namespace,
    app_name,
    disk_bytes_spilled AS value
FROM recent.totals
