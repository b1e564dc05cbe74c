-- A row is an execution of a SQL query or of a Dataset's action.
-- Spark: SQLAppStatusListener (LiveExecutionData), SQLExecutionUIData.executionStatus, SqlResource.
WITH executions AS (
    SELECT
        app_id,
        attempt_id,
        execution_id,
        last_value(description ORDER BY segment, line)
            FILTER (WHERE event = 'SparkListenerSQLExecutionStart') AS description,
        last_value(time ORDER BY segment, line)
            FILTER (WHERE event = 'SparkListenerSQLExecutionStart') AS submission_time,
        last_value(time ORDER BY segment, line)
            FILTER (WHERE event = 'SparkListenerSQLExecutionEnd') AS completion_time,
        last_value(error_message ORDER BY segment, line)
            FILTER (WHERE event = 'SparkListenerSQLExecutionEnd') AS error_message
    FROM lake.sql_events
    GROUP BY app_id, attempt_id, execution_id
    -- Nothing is known of an execution whose start the log does not have.
    HAVING count(*) FILTER (WHERE event = 'SparkListenerSQLExecutionStart') > 0
),
job_results AS (
    SELECT
        starts.app_id,
        starts.attempt_id,
        starts.sql_execution_id AS execution_id,
        array_agg(starts.job_id ORDER BY starts.job_id)
            FILTER (WHERE ends.job_id IS NULL) AS running,
        array_agg(starts.job_id ORDER BY starts.job_id)
            FILTER (WHERE ends.result = 'JobSucceeded') AS succeeded,
        array_agg(starts.job_id ORDER BY starts.job_id)
            FILTER (WHERE ends.result <> 'JobSucceeded') AS failed
    FROM lake.job_events AS starts
    LEFT JOIN lake.job_events AS ends
        ON ends.app_id = starts.app_id
        AND ends.attempt_id = starts.attempt_id
        AND ends.job_id = starts.job_id
        AND ends.event = 'SparkListenerJobEnd'
    WHERE starts.event = 'SparkListenerJobStart' AND starts.sql_execution_id IS NOT NULL
    GROUP BY starts.app_id, starts.attempt_id, starts.sql_execution_id
)
SELECT
    executions.app_id,
    NULLIF(executions.attempt_id, '') AS attempt_id,
    executions.execution_id,
    CASE
        -- Since Spark 3.4 the end event says what went wrong, '' for nothing.
        WHEN executions.error_message = '' THEN 'COMPLETED'
        WHEN executions.error_message IS NOT NULL THEN 'FAILED'
        WHEN executions.completion_time IS NULL THEN 'RUNNING'
        WHEN job_results.failed IS NOT NULL THEN 'FAILED'
        ELSE 'COMPLETED'
    END AS status,
    executions.description,
    executions.submission_time,
    -- An execution that has not ended has lasted as long as we have heard of its application (the
    -- History Server: until you ask).
    CAST(coalesce(executions.completion_time, attempts.last_event_time) AS BIGINT)
        - CAST(executions.submission_time AS BIGINT) AS duration_ms,
    coalesce(job_results.running, make_array()) AS running_job_ids,
    coalesce(job_results.succeeded, make_array()) AS success_job_ids,
    coalesce(job_results.failed, make_array()) AS failed_job_ids
FROM executions
JOIN attempts
    ON attempts.app_id = executions.app_id
    AND attempts.attempt_id = executions.attempt_id
LEFT JOIN job_results
    ON job_results.app_id = executions.app_id
    AND job_results.attempt_id = executions.attempt_id
    AND job_results.execution_id = executions.execution_id
