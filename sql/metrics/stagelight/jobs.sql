-- family: stagelight_spark_jobs_total
-- type: counter
-- help: Jobs of all applications that have ended, by how.
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
        WHEN 'succeeded' THEN totals.num_succeeded_jobs
        WHEN 'failed' THEN totals.num_failed_jobs
    END AS value
FROM recent.totals
CROSS JOIN (VALUES ('succeeded'), ('failed')) AS statuses (status)
