-- family: stagelight_spark_application_jobs
-- type: gauge
-- help: Jobs of an application by their present status.
-- unit: 1
-- labels: cluster, namespace, app_name, app_id, attempt_id, status
-- kept: status
-- budget: 500
-- rest: sum
SELECT
    totals.cluster,
    totals.namespace,
    totals.app_name,
    totals.app_id,
    totals.attempt_id,
    statuses.status,
    CASE statuses.status
        WHEN 'RUNNING' THEN totals.num_running_jobs
        WHEN 'SUCCEEDED' THEN totals.num_succeeded_jobs
        WHEN 'FAILED' THEN totals.num_failed_jobs
    END AS value
FROM recent.application_totals AS totals
CROSS JOIN (VALUES ('RUNNING'), ('SUCCEEDED'), ('FAILED')) AS statuses (status)
