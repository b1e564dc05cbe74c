-- family: stagelight_spark_stages_total
-- type: counter
-- help: Stage attempts of all applications that have ended, by how; skipped stages did not run.
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
        WHEN 'complete' THEN totals.num_complete_stages
        WHEN 'failed' THEN totals.num_failed_stages
        WHEN 'skipped' THEN totals.num_skipped_stages
    END AS value
FROM recent.totals
CROSS JOIN (VALUES ('complete'), ('failed'), ('skipped')) AS statuses (status)
