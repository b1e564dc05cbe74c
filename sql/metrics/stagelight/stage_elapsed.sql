-- family: stagelight_spark_stage_elapsed_seconds
-- type: gauge
-- help: Time from the submission of a stage attempt to its completion or, while it runs, to the last event of its application.
-- unit: seconds
-- labels: cluster, namespace, app_name, app_id, attempt_id, stage_id, stage_attempt_id
-- budget: 500
-- rest: none
SELECT
    cluster,
    namespace,
    app_name,
    app_id,
    attempt_id,
    stage_id,
    stage_attempt_id,
    (CAST(coalesce(completion_time, last_event_time) AS BIGINT)
        - CAST(submission_time AS BIGINT)) / 1000.0 AS value
FROM recent.stages
WHERE status IN ('ACTIVE', 'COMPLETE', 'FAILED')
