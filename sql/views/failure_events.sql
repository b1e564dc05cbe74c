-- A row is a failure: of a task attempt, a stage attempt, a job, a SQL execution, an executor or an
-- application, with the kind of its cause and the failure that it followed from. `failures` and
-- `failure_causes` are made of this; attempt_id is '' where Spark gives none.
-- Spark: TaskSetManager.abort, DAGScheduler.abortStage, handleTaskCompletion (FetchFailed),
-- failJobAndIndependentStages, SQLExecution.withNewExecutionId: each gives its text to the next.
--
-- shared
--
-- What followed from what is told by order and by name: a stage follows from the task that its reason
-- names by TID, or whose text it quotes; a job from a stage of its own, a SQL execution from a job of
-- its own or of an execution within it, whose text it quotes. cause_at is the position of what it
-- followed from. Both have the same cause then, except that a failed fetch is one of its own:
-- caused_by is the class of what that followed from.
--
-- A position is segment * 10^11 + line: one number that orders the events of an attempt.
WITH failed_stages AS (
    SELECT
        app_id,
        attempt_id,
        stage_id,
        stage_attempt_id,
        completed_at AS position,
        completion_time AS time,
        failure_reason AS message,
        TRY_CAST(
            regexp_match(failure_reason, 'Lost task [0-9.]+ in stage [0-9.]+ [(]TID ([0-9]+)')[1]
            AS BIGINT) AS task_id
    FROM stage_lives
    WHERE is_last AND status = 'FAILED'
),
of_tasks AS (
    SELECT
        failed.app_id,
        failed.attempt_id,
        failed.position,
        failed.stage_id,
        failed.stage_attempt_id,
        failed.time,
        failed.message,
        max(tasks.position) AS cause_at,
        last_value(tasks.cause_class ORDER BY tasks.position) AS cause_class,
        last_value(tasks.exception ORDER BY tasks.position) AS exception,
        last_value(tasks.fingerprint ORDER BY tasks.position) AS fingerprint,
        last_value(tasks.caused_by ORDER BY tasks.position) AS caused_by
    FROM failed_stages AS failed
    LEFT JOIN failure_origins AS tasks
        ON tasks.app_id = failed.app_id
        AND tasks.attempt_id = failed.attempt_id
        AND tasks.kind = 'task'
        AND tasks.position < failed.position
        AND (tasks.task_id = failed.task_id
            OR failed.task_id IS NULL
                AND tasks.stage_id = failed.stage_id
                AND tasks.stage_attempt_id = failed.stage_attempt_id
                AND tasks.quotable <> ''
                AND strpos(failed.message, tasks.quotable) > 0)
    GROUP BY
        failed.app_id,
        failed.attempt_id,
        failed.position,
        failed.stage_id,
        failed.stage_attempt_id,
        failed.time,
        failed.message
),
-- With its job, other stages of it fail for the same reason: they followed from the first.
stages AS (
    SELECT
        app_id,
        attempt_id,
        position,
        stage_id,
        stage_attempt_id,
        time,
        message,
        coalesce(cause_at, NULLIF(min(position) OVER alike, position)) AS cause_at,
        coalesce(cause_class, min(cause_class) OVER alike, failure_class(message), 'other')
            AS cause_class,
        CASE
            WHEN max(cause_at) OVER alike IS NULL THEN stack_exception(message)
            WHEN cause_at IS NULL THEN min(exception) OVER alike
            ELSE exception
        END AS exception,
        CASE
            WHEN max(cause_at) OVER alike IS NULL THEN stack_fingerprint(message)
            WHEN cause_at IS NULL THEN min(fingerprint) OVER alike
            ELSE fingerprint
        END AS fingerprint,
        caused_by
    FROM of_tasks
    WINDOW alike AS (PARTITION BY app_id, attempt_id, message)
),
failed_jobs AS (
    SELECT
        ends.app_id,
        ends.attempt_id,
        ends.segment * 100000000000 + ends.line AS position,
        ends.job_id,
        ends.time,
        ends.exception_message AS message,
        starts.stage_ids,
        starts.sql_execution_id
    FROM lake.job_events AS ends
    LEFT JOIN lake.job_events AS starts
        ON starts.app_id = ends.app_id
        AND starts.attempt_id = ends.attempt_id
        AND starts.job_id = ends.job_id
        AND starts.event = 'SparkListenerJobStart'
    WHERE ends.event = 'SparkListenerJobEnd' AND ends.result <> 'JobSucceeded'
),
jobs AS (
    SELECT
        failed.app_id,
        failed.attempt_id,
        failed.position,
        failed.job_id,
        failed.sql_execution_id,
        failed.time,
        failed.message,
        max(stages.position) AS cause_at,
        coalesce(
            last_value(stages.cause_class ORDER BY stages.position),
            failure_class(failed.message),
            'other'
        ) AS cause_class,
        CASE
            WHEN max(stages.position) IS NULL THEN stack_exception(failed.message)
            ELSE last_value(stages.exception ORDER BY stages.position)
        END AS exception,
        CASE
            WHEN max(stages.position) IS NULL THEN stack_fingerprint(failed.message)
            ELSE last_value(stages.fingerprint ORDER BY stages.position)
        END AS fingerprint,
        last_value(stages.caused_by ORDER BY stages.position) AS caused_by
    FROM failed_jobs AS failed
    LEFT JOIN stages
        ON stages.app_id = failed.app_id
        AND stages.attempt_id = failed.attempt_id
        AND stages.position < failed.position
        AND array_has(failed.stage_ids, stages.stage_id)
        AND stages.message <> ''
        AND strpos(failed.message, stages.message) > 0
    GROUP BY
        failed.app_id,
        failed.attempt_id,
        failed.position,
        failed.job_id,
        failed.sql_execution_id,
        failed.time,
        failed.message
),
-- A job is one of its execution and of the execution that this is part of (from Spark 3.4).
roots AS (
    SELECT app_id, attempt_id, execution_id, max(root_execution_id) AS root_execution_id
    FROM lake.sql_events
    WHERE event = 'SparkListenerSQLExecutionStart'
    GROUP BY app_id, attempt_id, execution_id
),
execution_jobs AS (
    SELECT
        jobs.*,
        split_part(jobs.message, chr(10), 1) AS first_line,
        roots.root_execution_id
    FROM jobs
    LEFT JOIN roots
        ON roots.app_id = jobs.app_id
        AND roots.attempt_id = jobs.attempt_id
        AND roots.execution_id = jobs.sql_execution_id
    WHERE jobs.sql_execution_id IS NOT NULL
),
failed_executions AS (
    SELECT
        ends.app_id,
        ends.attempt_id,
        ends.segment * 100000000000 + ends.line AS position,
        ends.execution_id,
        ends.time,
        -- Before Spark 3.4 it is not said: it has failed because jobs of it have.
        ends.error_message AS message
    FROM sql_executions AS executions
    JOIN lake.sql_events AS ends
        ON ends.app_id = executions.app_id
        AND ends.attempt_id = coalesce(executions.attempt_id, '')
        AND ends.execution_id = executions.execution_id
    WHERE executions.status = 'FAILED' AND ends.event = 'SparkListenerSQLExecutionEnd'
),
-- The first of its jobs to fail; where it is not said why, others may have been cancelled then.
executions AS (
    SELECT
        failed.app_id,
        failed.attempt_id,
        failed.position,
        failed.execution_id,
        failed.time,
        coalesce(failed.message, first_value(jobs.message ORDER BY jobs.position)) AS message,
        min(jobs.position) AS cause_at,
        coalesce(
            first_value(jobs.cause_class ORDER BY jobs.position),
            failure_class(failed.message),
            'other'
        ) AS cause_class,
        CASE
            WHEN min(jobs.position) IS NULL THEN stack_exception(failed.message)
            ELSE first_value(jobs.exception ORDER BY jobs.position)
        END AS exception,
        CASE
            WHEN min(jobs.position) IS NULL THEN stack_fingerprint(failed.message)
            ELSE first_value(jobs.fingerprint ORDER BY jobs.position)
        END AS fingerprint,
        first_value(jobs.caused_by ORDER BY jobs.position) AS caused_by
    FROM failed_executions AS failed
    LEFT JOIN execution_jobs AS jobs
        ON jobs.app_id = failed.app_id
        AND jobs.attempt_id = failed.attempt_id
        AND (jobs.sql_execution_id = failed.execution_id
            OR jobs.root_execution_id = failed.execution_id)
        AND (failed.message IS NULL
            OR jobs.position < failed.position
                AND jobs.first_line <> ''
                AND strpos(failed.message, jobs.first_line) > 0)
    GROUP BY
        failed.app_id,
        failed.attempt_id,
        failed.position,
        failed.execution_id,
        failed.time,
        failed.message
),
together AS (
    SELECT
        app_id,
        attempt_id,
        position,
        kind,
        CAST(NULL AS BIGINT) AS job_id,
        stage_id,
        stage_attempt_id,
        task_id,
        executor_id,
        CAST(NULL AS BIGINT) AS execution_id,
        host,
        time,
        message,
        counts_towards_task_failures,
        cause_class,
        exception,
        fingerprint,
        cause_at,
        caused_by
    FROM failure_origins
    UNION ALL
    SELECT
        app_id,
        attempt_id,
        position,
        'stage' AS kind,
        NULL AS job_id,
        stage_id,
        stage_attempt_id,
        NULL AS task_id,
        NULL AS executor_id,
        NULL AS execution_id,
        NULL AS host,
        time,
        message,
        NULL AS counts_towards_task_failures,
        cause_class,
        exception,
        fingerprint,
        cause_at,
        caused_by
    FROM stages
    UNION ALL
    SELECT
        app_id,
        attempt_id,
        position,
        'job' AS kind,
        job_id,
        NULL AS stage_id,
        NULL AS stage_attempt_id,
        NULL AS task_id,
        NULL AS executor_id,
        NULL AS execution_id,
        NULL AS host,
        time,
        message,
        NULL AS counts_towards_task_failures,
        cause_class,
        exception,
        fingerprint,
        cause_at,
        caused_by
    FROM jobs
    UNION ALL
    SELECT
        app_id,
        attempt_id,
        position,
        'sql_execution' AS kind,
        NULL AS job_id,
        NULL AS stage_id,
        NULL AS stage_attempt_id,
        NULL AS task_id,
        NULL AS executor_id,
        execution_id,
        NULL AS host,
        time,
        message,
        NULL AS counts_towards_task_failures,
        cause_class,
        exception,
        fingerprint,
        cause_at,
        caused_by
    FROM executions
    UNION ALL
    -- How an application ended is told by a code at most, and that it is lost by nothing.
    SELECT
        app_id,
        coalesce(attempt_id, '') AS attempt_id,
        NULL AS position,
        'application' AS kind,
        NULL AS job_id,
        NULL AS stage_id,
        NULL AS stage_attempt_id,
        NULL AS task_id,
        NULL AS executor_id,
        NULL AS execution_id,
        NULL AS host,
        coalesce(end_time, last_event_time) AS time,
        status_reason AS message,
        NULL AS counts_towards_task_failures,
        coalesce(failure_class(status_reason), 'other') AS cause_class,
        NULL AS exception,
        NULL AS fingerprint,
        NULL AS cause_at,
        NULL AS caused_by
    FROM applications
    WHERE status IN ('failed', 'lost')
)
SELECT
    *,
    CASE
        WHEN kind <> 'application' THEN cause_at IS NULL
        -- An application's end names no cause: that is told only where nothing else has failed.
        WHEN count(*) OVER (PARTITION BY app_id, attempt_id) = 1 THEN true
    END AS is_first_cause
FROM together
