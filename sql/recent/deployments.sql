-- A row is an attempt of a recent application, and where it runs.
SELECT *, cluster_name AS cluster FROM deployments WHERE array_has($app_ids, app_id)
