-- family: stagelight_spark_executors_lost_total
-- type: counter
-- help: Executors of all applications that were lost, by class of the cause; those that the driver asked to go are not among them.
-- unit: 1
-- labels: cluster, namespace, app_name, cause_class
-- kept: cause_class
-- budget: 200
-- rest: sum
--
-- From: view `failures`.
SELECT
    cluster,
    namespace,
    app_name,
    cause_class,
    failures AS value
FROM recent.total_failures
WHERE kind = 'executor'
