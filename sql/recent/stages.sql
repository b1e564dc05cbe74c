-- A row is a stage attempt of a recent application, with where that runs, its name and last event.
SELECT
    stages.*,
    deployments.cluster,
    deployments.namespace,
    deployments.app_name,
    deployments.last_event_time
FROM stages
JOIN recent.deployments
    ON deployments.app_id = stages.app_id
    AND deployments.attempt_id IS NOT DISTINCT FROM stages.attempt_id
-- Without this, stages of all applications would be computed and then not be joined.
WHERE array_has($app_ids, stages.app_id)
