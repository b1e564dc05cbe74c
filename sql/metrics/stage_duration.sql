-- family: stagelight_spark_stage_duration_seconds
-- type: gauge
-- help: Time from the submission of a stage attempt to its completion or, while it runs, to the last event of its application.
-- labels: app_id, attempt_id, app_name, stage_id, stage_attempt_id
SELECT
    stages.app_id,
    stages.attempt_id,
    applications.app_name,
    stages.stage_id,
    stages.stage_attempt_id,
    (CAST(coalesce(stages.completion_time, applications.last_event_time) AS BIGINT)
        - CAST(stages.submission_time AS BIGINT)) / 1000.0 AS value
FROM stages
JOIN applications
    ON applications.app_id = stages.app_id
    AND applications.attempt_id IS NOT DISTINCT FROM stages.attempt_id
WHERE applications.last_event_time >= now() - $window
    AND stages.status IN ('ACTIVE', 'COMPLETE', 'FAILED')
