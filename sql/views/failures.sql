-- A row is a failure: of a task attempt, a stage attempt, a job, a SQL execution or an application, or
-- the loss of an executor. What was done on purpose is none (see failure_origins): tasks that were
-- killed, executors that the driver asked to go.
-- Spark: AppStatusListener (what has failed), TaskEndReason.countTowardsTaskFailures (what brings a
-- task nearer to spark.task.maxFailures), ExecutorLossReason.
--
-- is_first_cause: it followed from no other failure that the log has. An application's end names no
-- cause, so that this is NULL where anything else had failed.
SELECT
    app_id,
    NULLIF(attempt_id, '') AS attempt_id,
    kind,
    job_id,
    stage_id,
    stage_attempt_id,
    task_id,
    executor_id,
    execution_id,
    host,
    time,
    failure_reason(message) AS reason,
    message,
    counts_towards_task_failures,
    cause_class,
    exception,
    fingerprint,
    is_first_cause
FROM failure_events
