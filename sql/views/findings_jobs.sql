-- A row is a job, with what the rules of `findings`, which this is part of, want to know of it.
--
-- shared
SELECT
    app_id,
    attempt_id,
    job_id,
    status,
    num_completed_tasks,
    num_failed_tasks,
    CAST(completion_time AS BIGINT) - CAST(submission_time AS BIGINT) AS job_ms
FROM jobs
