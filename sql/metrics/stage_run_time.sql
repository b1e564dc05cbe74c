-- family: stagelight_spark_stage_executor_run_time_seconds
-- type: gauge
-- help: Time that the tasks of a stage attempt ran on executors, summed over tasks.
-- labels: app_id, app_name, stage_id, stage_attempt_id
SELECT s.app_id, a.app_name, s.stage_id, s.stage_attempt_id,
       s.executor_run_time_ms / 1000.0 AS value
FROM stages s
JOIN applications a ON a.app_id = s.app_id AND coalesce(a.attempt_id, '') = coalesce(s.attempt_id, '')
WHERE a.last_event_time >= now() - $window AND s.status <> 'SKIPPED'
