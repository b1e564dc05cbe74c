-- A row is a stage that ran in either of two applications, matched by name, description and order (see
-- `stage_runs`), or the two applications as a whole: what the one took (baseline), the other,
-- the difference (other less baseline) and the ratio (other over baseline; NULL where the baseline
-- is 0). What only one of the two has is NULL on the side of the other.
-- Of an application that was started several times it is the last attempt. The duration of an
-- application is its own, all else is what its stages add up to. An id that the lake does not have is
-- an error, since an empty answer would look as if nothing had run.
-- Kubeflow's MCP server for the History Server compares most of these, of those stages that differ most
-- (find_top_stage_differences).
-- Rows have no order of their own: `ORDER BY scope, other_stage_id` has the applications first.
--   baseline: id of the application to compare with, as in `applications`
--   other: id of the application that is compared
WITH latest AS (
    SELECT
        app_id,
        attempt_id,
        duration_ms,
        row_number() OVER (
            PARTITION BY app_id
            ORDER BY TRY_CAST(attempt_id AS BIGINT) DESC NULLS LAST, attempt_id DESC
        ) AS place
    FROM applications
    WHERE app_id IN ($baseline, $other)
),
runs AS (
    SELECT stage_runs.*
    FROM latest
    JOIN stage_runs
        ON stage_runs.app_id = latest.app_id
        AND coalesce(stage_runs.attempt_id, '') = coalesce(latest.attempt_id, '')
    WHERE latest.place = 1 AND stage_runs.app_id IN ($baseline, $other)
),
totals AS (
    SELECT
        latest.app_id,
        latest.duration_ms,
        coalesce(sum(runs.num_tasks), 0) AS num_tasks,
        coalesce(sum(runs.run_time_ms), 0) AS run_time_ms,
        coalesce(sum(runs.gc_time_ms), 0) AS gc_time_ms,
        coalesce(sum(runs.spilled_bytes), 0) AS spilled_bytes,
        coalesce(sum(runs.input_bytes), 0) AS input_bytes,
        coalesce(sum(runs.shuffle_bytes), 0) AS shuffle_bytes
    FROM latest
    LEFT JOIN runs ON runs.app_id = latest.app_id
    WHERE latest.place = 1
    GROUP BY latest.app_id, latest.duration_ms
),
pairs AS (
    SELECT
        'application' AS scope,
        CAST(NULL AS VARCHAR) AS name,
        CAST(NULL AS VARCHAR) AS description,
        CAST(NULL AS BIGINT) AS baseline_stage_id,
        CAST(NULL AS BIGINT) AS other_stage_id,
        baseline.duration_ms AS baseline_duration_ms,
        other.duration_ms AS other_duration_ms,
        baseline.num_tasks AS baseline_num_tasks,
        other.num_tasks AS other_num_tasks,
        baseline.run_time_ms AS baseline_run_time_ms,
        other.run_time_ms AS other_run_time_ms,
        baseline.gc_time_ms AS baseline_gc_time_ms,
        other.gc_time_ms AS other_gc_time_ms,
        baseline.spilled_bytes AS baseline_spilled_bytes,
        other.spilled_bytes AS other_spilled_bytes,
        baseline.input_bytes AS baseline_input_bytes,
        other.input_bytes AS other_input_bytes,
        baseline.shuffle_bytes AS baseline_shuffle_bytes,
        other.shuffle_bytes AS other_shuffle_bytes
    FROM (SELECT * FROM totals WHERE app_id = $baseline) AS baseline
    CROSS JOIN (SELECT * FROM totals WHERE app_id = $other) AS other
    UNION ALL
    SELECT
        'stage',
        coalesce(other.name, baseline.name),
        coalesce(other.description, baseline.description),
        baseline.stage_id,
        other.stage_id,
        baseline.duration_ms,
        other.duration_ms,
        baseline.num_tasks,
        other.num_tasks,
        baseline.run_time_ms,
        other.run_time_ms,
        baseline.gc_time_ms,
        other.gc_time_ms,
        baseline.spilled_bytes,
        other.spilled_bytes,
        baseline.input_bytes,
        other.input_bytes,
        baseline.shuffle_bytes,
        other.shuffle_bytes
    FROM (SELECT * FROM runs WHERE app_id = $baseline) AS baseline
    FULL JOIN (SELECT * FROM runs WHERE app_id = $other) AS other
        ON other.match_name = baseline.match_name
        AND other.match_description = baseline.match_description
        AND other.match_number = baseline.match_number
)
SELECT
    scope,
    name,
    description,
    baseline_stage_id,
    other_stage_id,
    baseline_duration_ms,
    other_duration_ms,
    other_duration_ms - baseline_duration_ms AS duration_difference_ms,
    CAST(other_duration_ms AS DOUBLE) / NULLIF(baseline_duration_ms, 0) AS duration_ratio,
    baseline_num_tasks,
    other_num_tasks,
    other_num_tasks - baseline_num_tasks AS num_tasks_difference,
    CAST(other_num_tasks AS DOUBLE) / NULLIF(baseline_num_tasks, 0) AS num_tasks_ratio,
    baseline_run_time_ms,
    other_run_time_ms,
    other_run_time_ms - baseline_run_time_ms AS run_time_difference_ms,
    CAST(other_run_time_ms AS DOUBLE) / NULLIF(baseline_run_time_ms, 0) AS run_time_ratio,
    baseline_gc_time_ms,
    other_gc_time_ms,
    other_gc_time_ms - baseline_gc_time_ms AS gc_time_difference_ms,
    CAST(other_gc_time_ms AS DOUBLE) / NULLIF(baseline_gc_time_ms, 0) AS gc_time_ratio,
    baseline_spilled_bytes,
    other_spilled_bytes,
    other_spilled_bytes - baseline_spilled_bytes AS spilled_difference_bytes,
    CAST(other_spilled_bytes AS DOUBLE) / NULLIF(baseline_spilled_bytes, 0) AS spilled_ratio,
    baseline_input_bytes,
    other_input_bytes,
    other_input_bytes - baseline_input_bytes AS input_difference_bytes,
    CAST(other_input_bytes AS DOUBLE) / NULLIF(baseline_input_bytes, 0) AS input_ratio,
    baseline_shuffle_bytes,
    other_shuffle_bytes,
    other_shuffle_bytes - baseline_shuffle_bytes AS shuffle_difference_bytes,
    CAST(other_shuffle_bytes AS DOUBLE) / NULLIF(baseline_shuffle_bytes, 0) AS shuffle_ratio
FROM pairs
