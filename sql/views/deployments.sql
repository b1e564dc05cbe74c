-- A row is an application attempt and where it runs, as its Spark properties say.
--
-- cluster_name is `spark.stagelight.cluster`, a property that Spark does not know and passes on; else the
-- host of `spark.master`, else what that says (`yarn`, `local[2]`). driver_pod is the name of the
-- driver's pod, or its host where it is in none. driver_memory_bytes is what -Xmx of its JVM says:
-- `spark.driver.memory`, 1 GiB where that is not set.
-- Spark: org.apache.spark.deploy.k8s.Config, internal.config.DRIVER_MEMORY.
WITH settings AS (
    SELECT
        app_id,
        attempt_id,
        name,
        last_value(value ORDER BY segment, line) AS value
    FROM lake.environment_entries
    WHERE section = 'Spark Properties'
        AND name IN (
            'spark.stagelight.cluster',
            'spark.master',
            'spark.driver.host',
            'spark.driver.memory',
            'spark.kubernetes.driver.pod.name',
            'spark.kubernetes.executor.podNamePrefix'
        )
    GROUP BY app_id, attempt_id, name
),
deployed AS (
    SELECT
        app_id,
        attempt_id,
        max(value) FILTER (WHERE name = 'spark.stagelight.cluster') AS cluster,
        max(value) FILTER (WHERE name = 'spark.master') AS master,
        max(value) FILTER (WHERE name = 'spark.driver.host') AS driver_host,
        coalesce(max(value) FILTER (WHERE name = 'spark.driver.memory'), '1g') AS driver_memory,
        max(value) FILTER (WHERE name = 'spark.kubernetes.driver.pod.name') AS driver_pod,
        max(value) FILTER (WHERE name = 'spark.kubernetes.executor.podNamePrefix')
            AS executor_pod_prefix
    FROM settings
    GROUP BY app_id, attempt_id
)
SELECT
    applications.*,
    coalesce(
        deployed.cluster, regexp_match(deployed.master, '^.*://([^:/,]+)')[1], deployed.master
    ) AS cluster_name,
    coalesce(deployed.driver_pod, deployed.driver_host) AS driver_pod,
    deployed.executor_pod_prefix,
    byte_string(deployed.driver_memory, 'm') AS driver_memory_bytes
FROM applications
LEFT JOIN deployed
    ON deployed.app_id = applications.app_id
    AND deployed.attempt_id = coalesce(applications.attempt_id, '')
