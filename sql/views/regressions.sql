-- A row is a measure of a run, or of one of its stages, that is much greater than in the runs of the
-- same application before it. A run is an application attempt that has succeeded; those of the same
-- name in the same namespace of the same cluster are its history, those of its stages that match (see `stage_runs`) theirs.
-- Measures are those of `stage_runs`; the duration of a run is its application's. `input_ratio` shows
-- whether there was simply more to read (input and shuffles): it is over the median, too.
-- A run is compared with the median of those before it: of the last `regression_max_runs`, and only
-- where there are `regression_min_runs`. Much greater is all of:
--   more than `regression_ratio` medians
--   more than the median by `regression_min_difference`, or `regression_min_bytes`
--   a modified z-score over `regression_z_score`: 0.6745 times the distance to the median over the
--     median of the distances that the runs before have to it (baseline_mad). So a stage is left alone
--     that takes longer now and then. Iglewicz and Hoaglin, How to Detect and Handle Outliers (1993).
--     Where those runs are all alike there is none, and z_score is NULL.
-- A run that has become slower for good has a row until most of its history is as slow.
-- Other tools compare runs that somebody has chosen (see `compare`); Dr. Elephant shows the history of
-- a job, and judges each run by itself.
--
-- Since it is the history that a run is judged by, a question about one application reads all of them.
WITH limits AS (
    SELECT
        max(value) FILTER (WHERE name = 'regression_min_runs') AS min_runs,
        max(value) FILTER (WHERE name = 'regression_max_runs') AS max_runs,
        max(value) FILTER (WHERE name = 'regression_ratio') AS min_ratio,
        max(value) FILTER (WHERE name = 'regression_min_difference') * 1000 AS min_ms,
        max(value) FILTER (WHERE name = 'regression_min_bytes') AS min_bytes,
        max(value) FILTER (WHERE name = 'regression_z_score') AS min_z_score
    FROM thresholds
),
runs AS (
    SELECT
        app_id,
        attempt_id,
        app_name,
        namespace,
        cluster_name,
        start_time,
        duration_ms,
        row_number() OVER (
            PARTITION BY app_name, namespace, cluster_name ORDER BY start_time, app_id, attempt_id
        ) AS run_number
    FROM deployments
    WHERE status = 'succeeded' AND app_name IS NOT NULL AND start_time IS NOT NULL
),
stages_of_runs AS (
    SELECT
        runs.app_id,
        runs.attempt_id,
        runs.app_name,
        runs.namespace,
        runs.cluster_name,
        runs.start_time,
        runs.run_number,
        runs.duration_ms AS app_duration_ms,
        stage_runs.stage_id,
        stage_runs.name,
        stage_runs.description,
        stage_runs.match_name,
        stage_runs.match_description,
        stage_runs.match_number,
        stage_runs.duration_ms,
        stage_runs.run_time_ms,
        stage_runs.spilled_bytes,
        stage_runs.shuffle_bytes,
        stage_runs.input_bytes,
        stage_runs.read_bytes
    FROM runs
    LEFT JOIN stage_runs
        ON stage_runs.app_id = runs.app_id
        AND coalesce(stage_runs.attempt_id, '') = coalesce(runs.attempt_id, '')
),
measured AS (
    SELECT
        'stage' AS scope,
        app_id,
        attempt_id,
        app_name,
        coalesce(namespace, '') AS namespace,
        coalesce(cluster_name, '') AS cluster_name,
        start_time,
        run_number,
        stage_id,
        name,
        description,
        match_name,
        match_description,
        match_number,
        duration_ms,
        run_time_ms,
        spilled_bytes,
        shuffle_bytes,
        input_bytes,
        read_bytes
    FROM stages_of_runs
    WHERE stage_id IS NOT NULL
    UNION ALL
    SELECT
        'application',
        app_id,
        attempt_id,
        app_name,
        coalesce(namespace, ''),
        coalesce(cluster_name, ''),
        start_time,
        run_number,
        CAST(NULL AS BIGINT),
        CAST(NULL AS VARCHAR),
        CAST(NULL AS VARCHAR),
        '',
        '',
        0,
        app_duration_ms,
        coalesce(sum(run_time_ms), 0),
        coalesce(sum(spilled_bytes), 0),
        coalesce(sum(shuffle_bytes), 0),
        coalesce(sum(input_bytes), 0),
        coalesce(sum(read_bytes), 0)
    FROM stages_of_runs
    GROUP BY
        app_id, attempt_id, app_name, namespace, cluster_name, start_time, run_number, app_duration_ms
),
judged AS (
    SELECT
        later.scope,
        later.app_id,
        later.attempt_id,
        later.app_name,
        later.namespace,
        later.start_time,
        later.stage_id,
        later.name,
        later.description,
        later.match_name,
        later.match_description,
        later.match_number,
        later.duration_ms,
        later.run_time_ms,
        later.spilled_bytes,
        later.shuffle_bytes,
        later.input_bytes,
        later.read_bytes,
        count(*) AS num_runs,
        median(CAST(earlier.duration_ms AS DOUBLE)) AS median_duration_ms,
        array_agg(earlier.duration_ms) AS earlier_duration_ms,
        median(CAST(earlier.run_time_ms AS DOUBLE)) AS median_run_time_ms,
        array_agg(earlier.run_time_ms) AS earlier_run_time_ms,
        median(CAST(earlier.spilled_bytes AS DOUBLE)) AS median_spilled_bytes,
        array_agg(earlier.spilled_bytes) AS earlier_spilled_bytes,
        median(CAST(earlier.shuffle_bytes AS DOUBLE)) AS median_shuffle_bytes,
        array_agg(earlier.shuffle_bytes) AS earlier_shuffle_bytes,
        median(CAST(earlier.input_bytes AS DOUBLE)) AS median_input_bytes,
        array_agg(earlier.input_bytes) AS earlier_input_bytes,
        median(CAST(earlier.read_bytes AS DOUBLE)) AS median_read_bytes
    FROM (
        -- Looked up one by one: of a thousand runs of a name, each with all others would be a million.
        SELECT measured.*, measured.run_number - back.n AS earlier_number
        FROM measured
        CROSS JOIN (
            SELECT unnest(range(1, CAST(least(limits.max_runs, most.runs) AS BIGINT) + 1)) AS n
            FROM limits
            CROSS JOIN (SELECT coalesce(max(run_number), 0) AS runs FROM runs) AS most
        ) AS back
        WHERE measured.run_number > back.n
    ) AS later
    JOIN measured AS earlier
        ON earlier.run_number = later.earlier_number
        AND earlier.app_name = later.app_name
        AND earlier.namespace = later.namespace
        AND earlier.cluster_name = later.cluster_name
        AND earlier.scope = later.scope
        AND earlier.match_name = later.match_name
        AND earlier.match_description = later.match_description
        AND earlier.match_number = later.match_number
    GROUP BY
        later.scope,
        later.app_id,
        later.attempt_id,
        later.app_name,
        later.namespace,
        later.start_time,
        later.stage_id,
        later.name,
        later.description,
        later.match_name,
        later.match_description,
        later.match_number,
        later.duration_ms,
        later.run_time_ms,
        later.spilled_bytes,
        later.shuffle_bytes,
        later.input_bytes,
        later.read_bytes
),
by_measure AS (
    SELECT
        scope,
        app_id,
        attempt_id,
        app_name,
        namespace,
        start_time,
        stage_id,
        name,
        description,
        num_runs,
        read_bytes / NULLIF(median_read_bytes, 0) AS input_ratio,
        unnest(make_array(
            named_struct(
                'measure', 'duration_ms',
                'value', duration_ms,
                'median', median_duration_ms,
                'earlier', earlier_duration_ms,
                'min_difference', limits.min_ms),
            named_struct(
                'measure', 'run_time_ms',
                'value', run_time_ms,
                'median', median_run_time_ms,
                'earlier', earlier_run_time_ms,
                'min_difference', limits.min_ms),
            named_struct(
                'measure', 'spilled_bytes',
                'value', spilled_bytes,
                'median', median_spilled_bytes,
                'earlier', earlier_spilled_bytes,
                'min_difference', limits.min_bytes),
            named_struct(
                'measure', 'shuffle_bytes',
                'value', shuffle_bytes,
                'median', median_shuffle_bytes,
                'earlier', earlier_shuffle_bytes,
                'min_difference', limits.min_bytes),
            named_struct(
                'measure', 'input_bytes',
                'value', input_bytes,
                'median', median_input_bytes,
                'earlier', earlier_input_bytes,
                'min_difference', limits.min_bytes)
        )) AS judged
    FROM judged
    CROSS JOIN limits
    WHERE num_runs >= limits.min_runs
),
-- Most go here, so that distances are looked at for few.
suspects AS (
    SELECT
        by_measure.*,
        judged['measure'] AS measure,
        judged['value'] AS value,
        judged['median'] AS baseline_median,
        unnest(judged['earlier']) AS earlier_value
    FROM by_measure
    CROSS JOIN limits
    WHERE judged['value'] > judged['median'] * limits.min_ratio
        AND judged['value'] - judged['median'] > judged['min_difference']
),
scored AS (
    SELECT
        scope,
        app_id,
        attempt_id,
        app_name,
        namespace,
        start_time,
        stage_id,
        name,
        description,
        measure,
        value,
        baseline_median,
        num_runs,
        input_ratio,
        median(abs(earlier_value - baseline_median)) AS baseline_mad
    FROM suspects
    GROUP BY
        scope,
        app_id,
        attempt_id,
        app_name,
        namespace,
        start_time,
        stage_id,
        name,
        description,
        measure,
        value,
        baseline_median,
        num_runs,
        input_ratio
),
rated AS (
    SELECT
        *,
        0.6745 * (value - baseline_median) / NULLIF(baseline_mad, 0) AS z_score
    FROM scored
)
SELECT
    app_id,
    attempt_id,
    app_name,
    NULLIF(namespace, '') AS namespace,
    start_time,
    scope,
    stage_id,
    name,
    description,
    measure,
    value,
    baseline_median,
    value / NULLIF(baseline_median, 0) AS ratio,
    baseline_mad,
    z_score,
    num_runs,
    input_ratio
FROM rated
CROSS JOIN limits
WHERE z_score IS NULL OR z_score > limits.min_z_score
