-- family: stagelight_spark_stage_disk_spilled_bytes
-- type: gauge
-- help: Size on disk of the data that the tasks of a stage attempt spilled.
-- unit: bytes
-- labels: app_id, attempt_id, app_name, stage_id, stage_attempt_id
-- budget: 500
-- rest: sum
SELECT
    app_id,
    attempt_id,
    app_name,
    stage_id,
    stage_attempt_id,
    disk_bytes_spilled AS value
FROM recent.stages
WHERE status IN ('ACTIVE', 'COMPLETE', 'FAILED')
