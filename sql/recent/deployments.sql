-- A row is an application attempt that had an event within the window, and where it runs.
SELECT *, cluster_name AS cluster FROM deployments WHERE array_has($app_ids, app_id)
