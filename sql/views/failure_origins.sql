-- A row is a failed task attempt or a lost executor, with what kind of cause its text names and which
-- of these it followed from. `failure_events` is made of this; attempt_id is '' where Spark gives
-- none.
-- Spark: AppStatusListener.onTaskEnd (what counts as failed), TaskEndReason, ExecutorLossReason,
-- SparkExitCode.OOM.
--
-- shared
--
-- What was done on purpose is no failure:
--   tasks that end as TaskKilled (another attempt succeeded, the stage was cancelled) or as
--     TaskCommitDenied (another attempt may write), as in Spark's own counts;
--   Resubmitted, which is no attempt's end: it had succeeded, and its executor's loss has a row;
--   executors that the driver asked to go (ExecutorKilled: idle, or killed by the user or because
--     they were excluded; released by YarnAllocator; decommissioned by ExecutorAllocationManager) or
--     that end with it.
--
-- A position is segment * 10^11 + line: one number that orders the events of an attempt.
WITH application_ends AS (
    SELECT app_id, attempt_id, max(segment * 100000000000 + line) AS ended_at
    FROM lake.application_events
    WHERE event = 'SparkListenerApplicationEnd'
    GROUP BY app_id, attempt_id
),
told AS (
    SELECT
        tasks.app_id,
        tasks.attempt_id,
        tasks.segment * 100000000000 + tasks.line AS position,
        'task' AS kind,
        tasks.stage_id,
        tasks.stage_attempt_id,
        tasks.task_id,
        tasks.executor_id,
        tasks.host,
        tasks.finish_time AS time,
        tasks.end_reason,
        -- The executor whose loss would explain it.
        CASE tasks.end_reason
            WHEN 'FetchFailed' THEN tasks.fetch_executor_id
            ELSE tasks.executor_id
        END AS named_executor_id,
        CASE tasks.end_reason
            WHEN 'ExceptionFailure' THEN
                coalesce(
                    tasks.stack_trace,
                    concat(tasks.class_name, ': ', tasks.error_description))
            WHEN 'FetchFailed' THEN tasks.fetch_message
            WHEN 'ExecutorLostFailure' THEN tasks.loss_reason
            ELSE tasks.end_reason
        END AS message,
        -- What the message of its stage quotes.
        coalesce(tasks.fetch_message, tasks.error_description) AS quotable,
        -- TaskFailedReason.countTowardsTaskFailures.
        CASE tasks.end_reason
            WHEN 'FetchFailed' THEN false
            WHEN 'ExecutorLostFailure' THEN coalesce(tasks.exit_caused_by_app, true)
            ELSE true
        END AS counts_towards_task_failures
    -- Where nothing has failed, no task is read.
    FROM stage_totals AS totals
    JOIN lake.task_ends AS tasks
        ON tasks.app_id = totals.app_id
        AND tasks.attempt_id = totals.attempt_id
        AND tasks.stage_id = totals.stage_id
        AND tasks.stage_attempt_id = totals.stage_attempt_id
    WHERE totals.num_ended > totals.num_succeeded + totals.num_killed
        AND (tasks.end_reason IS NULL
            OR tasks.end_reason NOT IN ('Success', 'TaskKilled', 'TaskCommitDenied', 'Resubmitted'))
    UNION ALL
    SELECT
        lives.app_id,
        lives.attempt_id,
        lives.removed_at AS position,
        'executor' AS kind,
        NULL AS stage_id,
        NULL AS stage_attempt_id,
        NULL AS task_id,
        lives.executor_id,
        lives.hostname AS host,
        lives.remove_time AS time,
        NULL AS end_reason,
        lives.executor_id AS named_executor_id,
        lives.remove_reason AS message,
        NULL AS quotable,
        NULL AS counts_towards_task_failures
    FROM executor_lives AS lives
    LEFT JOIN application_ends
        ON application_ends.app_id = lives.app_id
        AND application_ends.attempt_id = lives.attempt_id
    WHERE lives.removed_at < coalesce(application_ends.ended_at, lives.removed_at + 1)
        AND lives.executor_id <> 'driver'
        AND (lives.remove_reason IS NULL
            OR lives.remove_reason <> 'Executor killed by driver.'
                AND lives.remove_reason NOT LIKE 'Executor decommission%: spark scale down'
                AND lives.remove_reason NOT LIKE '%exited from explicit termination request.'
                AND lives.remove_reason NOT LIKE '%exited after Application shutdown.')
),
classed AS (
    SELECT
        *,
        CASE
            WHEN end_reason = 'FetchFailed' THEN 'fetch_failed'
            ELSE coalesce(
                failure_class(message),
                CASE
                    WHEN kind = 'executor' THEN 'executor_lost'
                    WHEN end_reason = 'ExecutorLostFailure' THEN 'executor_lost'
                    WHEN end_reason = 'ExceptionFailure' THEN 'user_exception'
                    ELSE 'other'
                END)
        END AS cause_class,
        stack_exception(message) AS exception,
        stack_fingerprint(message) AS fingerprint
    FROM told
),
-- Spark never gives an executor's id to another one, so that it is lost once. A task may end before
-- its executor is said to be lost, since its end takes the way through the DAGScheduler. A fetch
-- failure follows from the loss of the executor that it names where that came first; it names none
-- where the driver had forgotten the output before (MetadataFetchFailedException). An executor that
-- says that it ran out of memory does so after the task for which it did.
placed AS (
    SELECT
        *,
        min(CASE WHEN kind = 'executor' THEN position END) OVER named AS lost_at,
        min(CASE WHEN kind = 'executor' THEN cause_class END) OVER named AS lost_class,
        last_value(
            CASE
                WHEN end_reason = 'ExceptionFailure' AND cause_class = 'out_of_memory' THEN position
            END) IGNORE NULLS OVER so_far AS exhausted_at,
        last_value(
            CASE
                WHEN end_reason = 'ExceptionFailure' AND cause_class = 'out_of_memory'
                    THEN fingerprint
            END) IGNORE NULLS OVER so_far AS exhausted_fingerprint,
        last_value(
            CASE
                WHEN end_reason = 'ExceptionFailure' AND cause_class = 'out_of_memory'
                    THEN exception
            END) IGNORE NULLS OVER so_far AS exhausted_exception
    FROM classed
    WINDOW
        named AS (PARTITION BY app_id, attempt_id, named_executor_id),
        so_far AS (
            PARTITION BY app_id, attempt_id, named_executor_id
            ORDER BY position
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        )
)
SELECT
    app_id,
    attempt_id,
    position,
    kind,
    stage_id,
    stage_attempt_id,
    task_id,
    executor_id,
    host,
    time,
    message,
    quotable,
    counts_towards_task_failures,
    CASE WHEN end_reason = 'ExecutorLostFailure' THEN coalesce(lost_class, cause_class)
        ELSE cause_class
    END AS cause_class,
    -- Whoever was lost for want of memory has the stack of the task that wanted it.
    CASE
        WHEN (kind = 'executor' OR end_reason = 'ExecutorLostFailure')
            AND coalesce(lost_class, cause_class) = 'out_of_memory'
            THEN coalesce(exhausted_exception, exception)
        ELSE exception
    END AS exception,
    CASE
        WHEN (kind = 'executor' OR end_reason = 'ExecutorLostFailure')
            AND coalesce(lost_class, cause_class) = 'out_of_memory'
            THEN coalesce(exhausted_fingerprint, fingerprint)
        ELSE fingerprint
    END AS fingerprint,
    CASE
        WHEN end_reason = 'ExecutorLostFailure' THEN lost_at
        WHEN end_reason = 'FetchFailed' AND lost_at < position THEN lost_at
        WHEN kind = 'executor' AND cause_class = 'out_of_memory' THEN exhausted_at
    END AS cause_at,
    -- Another kind of cause than its own.
    CASE WHEN end_reason = 'FetchFailed' AND lost_at < position THEN lost_class END AS caused_by
FROM placed
