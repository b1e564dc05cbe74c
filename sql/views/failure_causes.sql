-- A row is a cause of an application attempt's failures: its class, the stack that it had, and what
-- failed for it. What only followed counts with what it followed from: a stage with its task, a job
-- with its stage, a SQL execution with its job.
-- The classes are those of the function failure_class (crates/query/src/functions/failure_class.rs):
--   out_of_memory, container_killed, executor_lost, disk_full, timeout, fetch_failed, cancelled,
--     user_exception (any other exception), other
-- Spark: see failure_events.
--
-- A fingerprint is the same for the same exceptions at the same code, whatever the run (function
-- stack_fingerprint). is_first_cause says whether any of it followed from nothing; caused_by what the
-- rest followed from: failed fetches from the loss of the executor that they name.
SELECT
    app_id,
    NULLIF(attempt_id, '') AS attempt_id,
    cause_class,
    fingerprint,
    exception,
    count(*) FILTER (WHERE kind = 'task') AS num_tasks,
    count(*) FILTER (WHERE kind = 'stage') AS num_stages,
    count(*) FILTER (WHERE kind = 'job') AS num_jobs,
    count(*) FILTER (WHERE kind = 'sql_execution') AS num_sql_executions,
    count(*) FILTER (WHERE kind = 'executor') AS num_executors,
    count(*) FILTER (WHERE kind = 'application') AS num_applications,
    min(time) AS first_time,
    max(time) AS last_time,
    first_value(message ORDER BY position) AS example_message,
    bool_or(is_first_cause) AS is_first_cause,
    min(caused_by) AS caused_by
FROM failure_events
GROUP BY app_id, attempt_id, cause_class, fingerprint, exception
