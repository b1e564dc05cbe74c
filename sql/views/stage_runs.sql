-- A row is a stage of an application attempt that ran, all of its attempts together, with what it has
-- in common with the same stage of another run: match_name, match_description and match_number.
-- Two runs give the same stage different ids where their plans differ, or only what is skipped. What
-- stays is where in the code it was made (name), what the user or the query says of it (description),
-- and the order. So the names and descriptions are taken without what changes from run to run: UUIDs
-- are `?`, and so is each number (dates, paths, batches, lines of code that has been edited); and
-- the stages that have both the same are numbered, from 1. They are numbered by stage_id: Spark gives
-- ids as jobs are submitted and, within a job, to parents first, and a stage that is tried again
-- keeps its own. `compare` and `regressions` match by these.
-- The same is matched by name and order in Microsoft's SparkInsight (SparkAppReportMatcher), which
-- refuses runs that differ anywhere, and by the likeness of names in Kubeflow's MCP server
-- (matching.match_stages), which takes the first of those that are called alike.
-- num_tasks is of the attempt that had most, since another one only does what is missing. All else is
-- added up over attempts: duration_ms from submission to completion, of one that is active until the
-- last event of its application.
--   run_time_ms, gc_time_ms: of its tasks (executor_run_time_ms, jvm_gc_time_ms)
--   spilled_bytes: to disk
--   shuffle_bytes: read and written
--   read_bytes: input, and what was read from shuffles
WITH runs AS (
    SELECT
        app_id,
        attempt_id,
        stage_id,
        first_value(name ORDER BY stage_attempt_id) AS name,
        first_value(description ORDER BY stage_attempt_id) AS description,
        last_value(status ORDER BY stage_attempt_id) AS status,
        min(submission_time) AS submission_time,
        count(*) AS num_attempts,
        sum(duration_ms) AS duration_ms,
        max(num_tasks) AS num_tasks,
        sum(num_failed_tasks) AS num_failed_tasks,
        sum(executor_run_time_ms) AS run_time_ms,
        sum(jvm_gc_time_ms) AS gc_time_ms,
        sum(disk_bytes_spilled) AS spilled_bytes,
        sum(input_bytes) AS input_bytes,
        sum(output_bytes) AS output_bytes,
        sum(shuffle_read_bytes + shuffle_write_bytes) AS shuffle_bytes,
        sum(input_bytes + shuffle_read_bytes) AS read_bytes
    FROM (
        SELECT
            stages.*,
            CAST(
                CASE stages.status
                    WHEN 'ACTIVE' THEN attempts.last_event_time
                    ELSE stages.completion_time
                END AS BIGINT
            ) - CAST(stages.submission_time AS BIGINT) AS duration_ms
        FROM stages
        JOIN attempts
            ON attempts.app_id = stages.app_id
            AND attempts.attempt_id = coalesce(stages.attempt_id, '')
        WHERE stages.status IN ('ACTIVE', 'COMPLETE', 'FAILED')
    )
    GROUP BY app_id, attempt_id, stage_id
),
named AS (
    SELECT
        *,
        regexp_replace(
            regexp_replace(
                name, '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}', '?', 'gi'),
            '[0-9]+', '?', 'g') AS match_name,
        coalesce(
            regexp_replace(
                regexp_replace(
                    description,
                    '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}', '?', 'gi'),
                '[0-9]+', '?', 'g'),
            '') AS match_description
    FROM runs
)
SELECT
    app_id,
    attempt_id,
    stage_id,
    name,
    description,
    match_name,
    match_description,
    row_number() OVER (
        PARTITION BY app_id, attempt_id, match_name, match_description ORDER BY stage_id
    ) AS match_number,
    status,
    submission_time,
    num_attempts,
    duration_ms,
    num_tasks,
    num_failed_tasks,
    run_time_ms,
    gc_time_ms,
    spilled_bytes,
    input_bytes,
    output_bytes,
    shuffle_bytes,
    read_bytes
FROM named
