-- family: stagelight_spark_application_skew_ratio
-- type: gauge
-- help: Of the task of an application that ran the longest beyond the median of its stage attempt: how many medians that was.
-- unit: ratio
-- labels: cluster, namespace, app_name, app_id, attempt_id
-- budget: 500
-- rest: none
--
-- From: the tasks that succeeded. View `skew` has those of each stage that are beyond thresholds.
SELECT
    cluster,
    namespace,
    app_name,
    app_id,
    attempt_id,
    skew_ratio AS value
FROM recent.application_totals
