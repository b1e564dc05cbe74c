-- A row is a recent application attempt, and what became of the core time of its executors.
SELECT * FROM core_usage WHERE array_has($app_ids, app_id)
