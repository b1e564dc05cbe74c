-- family: stagelight_spark_application_status
-- type: gauge
-- help: Status of an application: 1 for the status that it has, 0 for the others.
-- unit: 1
-- labels: cluster, namespace, app_name, app_id, attempt_id, status
-- kept: status
-- budget: 500
-- rest: none
SELECT
    deployments.cluster,
    deployments.namespace,
    deployments.app_name,
    deployments.app_id,
    deployments.attempt_id,
    statuses.status,
    CASE WHEN deployments.status = statuses.status THEN 1 ELSE 0 END AS value
FROM recent.deployments
CROSS JOIN (VALUES ('running'), ('succeeded'), ('failed'), ('lost')) AS statuses (status)
