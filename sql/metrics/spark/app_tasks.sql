-- family: spark_app_tasks
-- type: gauge
-- help: Task attempts of an application by status: running, success, failed, killed.
-- unit: 1
-- labels: cluster, namespace, app_name, app_id, attempt_id, status
-- kept: status
-- budget: 500
-- rest: sum
--
-- From: SparkListenerTaskStart and SparkListenerTaskEnd (view `tasks`).
SELECT
    totals.cluster,
    totals.namespace,
    totals.app_name,
    totals.app_id,
    totals.attempt_id,
    statuses.status,
    CASE statuses.status
        WHEN 'running' THEN totals.num_running_tasks
        WHEN 'success' THEN totals.num_succeeded_tasks
        WHEN 'failed' THEN totals.num_failed_tasks
        WHEN 'killed' THEN totals.num_killed_tasks
    END AS value
FROM recent.application_totals AS totals
CROSS JOIN (VALUES ('running'), ('success'), ('failed'), ('killed')) AS statuses (status)
