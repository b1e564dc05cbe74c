-- family: stagelight_spark_application_failures
-- type: gauge
-- help: Failures of an application by what failed (task, stage, job, sql_execution, executor, application) and by class of the cause.
-- unit: 1
-- labels: cluster, namespace, app_name, app_id, attempt_id, kind, cause_class
-- kept: kind, cause_class
-- budget: 500
-- rest: sum
--
-- From: view `failures`. What has not failed has no series.
SELECT
    deployments.cluster,
    deployments.namespace,
    deployments.app_name,
    deployments.app_id,
    deployments.attempt_id,
    failures.kind,
    failures.cause_class,
    failures.failures AS value
FROM recent.failures
JOIN recent.deployments
    ON deployments.app_id = failures.app_id
    AND deployments.attempt_id IS NOT DISTINCT FROM failures.attempt_id
