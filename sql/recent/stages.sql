-- A row is a stage attempt of a recent application, with the application's name and last event.
SELECT stages.*, applications.app_name, applications.last_event_time
FROM stages
JOIN recent.applications
    ON applications.app_id = stages.app_id
    AND applications.attempt_id IS NOT DISTINCT FROM stages.attempt_id
-- Without this, stages of all applications would be computed and then not be joined.
WHERE array_has($app_ids, stages.app_id)
