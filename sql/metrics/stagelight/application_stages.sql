-- family: stagelight_spark_application_stages
-- type: gauge
-- help: Stage attempts of an application by their present status.
-- unit: 1
-- labels: cluster, namespace, app_name, app_id, attempt_id, status
-- kept: status
-- budget: 500
-- rest: sum
SELECT
    deployments.cluster,
    deployments.namespace,
    deployments.app_name,
    deployments.app_id,
    deployments.attempt_id,
    lower(statuses.status) AS status,
    count(stages.stage_id) AS value
FROM recent.deployments
CROSS JOIN (VALUES ('PENDING'), ('ACTIVE'), ('COMPLETE'), ('FAILED'), ('SKIPPED')) AS statuses (status)
LEFT JOIN recent.stages
    ON stages.app_id = deployments.app_id
    AND stages.status = statuses.status
    AND stages.attempt_id IS NOT DISTINCT FROM deployments.attempt_id
GROUP BY
    deployments.cluster, deployments.namespace, deployments.app_name, deployments.app_id,
    deployments.attempt_id, statuses.status
