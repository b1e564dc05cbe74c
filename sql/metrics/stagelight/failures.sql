-- family: stagelight_spark_failures_total
-- type: counter
-- help: Failures of all applications by what failed (task, stage, job, sql_execution, executor, application) and by class of the cause.
-- unit: 1
-- labels: cluster, namespace, app_name, kind, cause_class
-- kept: kind, cause_class
-- budget: 400
-- rest: sum
--
-- From: view `failures`. What has not failed has no series.
SELECT
    cluster,
    namespace,
    app_name,
    kind,
    cause_class,
    failures AS value
FROM recent.total_failures
