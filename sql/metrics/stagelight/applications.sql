-- family: stagelight_spark_applications_total
-- type: counter
-- help: Application attempts that have ended, by how; one whose end has no exit code (before Spark 4) counts as succeeded.
-- unit: 1
-- labels: cluster, namespace, app_name, status
-- kept: status
-- budget: 400
-- rest: sum
SELECT
    totals.cluster,
    totals.namespace,
    totals.app_name,
    statuses.status,
    CASE statuses.status
        WHEN 'succeeded' THEN totals.num_succeeded_applications
        WHEN 'failed' THEN totals.num_failed_applications
    END AS value
FROM recent.totals
CROSS JOIN (VALUES ('succeeded'), ('failed')) AS statuses (status)
