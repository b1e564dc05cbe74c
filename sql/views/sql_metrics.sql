-- A row is a metric of a node of the last physical plan of a SQL execution, with a value.
-- Spark: SQLAppStatusListener.aggregateMetrics, LiveStageMetrics; MetricUtils.stringValue.
--
-- A position is segment * 10^11 + line: one number that orders the events of an attempt.
WITH executions AS (
    SELECT
        app_id,
        attempt_id,
        execution_id,
        max(segment * 100000000000 + line)
            FILTER (WHERE event = 'SparkListenerSQLExecutionEnd') AS ended_at,
        max(segment * 100000000000 + line)
            FILTER (WHERE event <> 'SparkListenerSQLExecutionEnd') AS planned_at
    FROM lake.sql_events
    GROUP BY app_id, attempt_id, execution_id
),
declared AS (
    -- Every accumulator that some plan of the execution has named.
    SELECT
        app_id,
        attempt_id,
        execution_id,
        accumulator_id,
        last_value(metric_type ORDER BY segment, line) AS metric_type
    FROM lake.sql_plan_metrics
    GROUP BY app_id, attempt_id, execution_id, accumulator_id
),
job_starts AS (
    SELECT
        app_id,
        attempt_id,
        sql_execution_id AS execution_id,
        segment * 100000000000 + line AS position,
        unnest(stage_ids) AS stage_id
    FROM lake.job_events
    WHERE event = 'SparkListenerJobStart' AND sql_execution_id IS NOT NULL
),
execution_stages AS (
    -- A job that starts makes the metrics of its stages anew.
    SELECT
        starts.app_id,
        starts.attempt_id,
        starts.execution_id,
        starts.stage_id,
        max(starts.position) AS started_at,
        max(executions.ended_at) AS ended_at
    FROM job_starts AS starts
    JOIN executions
        ON executions.app_id = starts.app_id
        AND executions.attempt_id = starts.attempt_id
        AND executions.execution_id = starts.execution_id
    WHERE executions.ended_at IS NULL OR starts.position < executions.ended_at
    GROUP BY starts.app_id, starts.attempt_id, starts.execution_id, starts.stage_id
),
stages AS (
    -- Only the last attempt of a stage counts.
    SELECT
        stages.app_id,
        stages.attempt_id,
        stages.execution_id,
        stages.stage_id,
        stages.started_at,
        stages.ended_at,
        coalesce(
            last_value(events.stage_attempt_id ORDER BY events.segment, events.line)
                FILTER (WHERE events.event = 'SparkListenerStageSubmitted'),
            0) AS stage_attempt_id,
        first_value(events.num_tasks ORDER BY events.segment, events.line)
            FILTER (WHERE events.event = 'SparkListenerJobStart') AS num_tasks
    FROM execution_stages AS stages
    JOIN lake.stage_events AS events
        ON events.app_id = stages.app_id
        AND events.attempt_id = stages.attempt_id
        AND events.stage_id = stages.stage_id
    WHERE events.segment * 100000000000 + events.line >= stages.started_at
        AND (stages.ended_at IS NULL
            OR events.segment * 100000000000 + events.line < stages.ended_at)
    GROUP BY
        stages.app_id,
        stages.attempt_id,
        stages.execution_id,
        stages.stage_id,
        stages.started_at,
        stages.ended_at
),
reports AS (
    SELECT
        app_id,
        attempt_id,
        stage_id,
        stage_attempt_id,
        task_id,
        task_index,
        segment * 100000000000 + line AS position,
        NOT failed AND NOT killed AS succeeded,
        accumulator_id,
        update
    FROM lake.task_accumulables
    WHERE update IS NOT NULL
    UNION ALL
    -- Heartbeats do not tell the index of a task; its start does.
    SELECT
        updates.app_id,
        updates.attempt_id,
        updates.stage_id,
        updates.stage_attempt_id,
        updates.task_id,
        tasks.task_index,
        updates.segment * 100000000000 + updates.line,
        false,
        updates.accumulator_id,
        updates.update
    FROM lake.accumulator_updates AS updates
    JOIN lake.task_starts AS tasks
        ON tasks.app_id = updates.app_id
        AND tasks.attempt_id = updates.attempt_id
        AND tasks.task_id = updates.task_id
    WHERE updates.update IS NOT NULL
),
values_of_tasks AS (
    SELECT
        stages.execution_id,
        stages.num_tasks,
        declared.metric_type,
        reports.*
    FROM stages
    JOIN reports
        ON reports.app_id = stages.app_id
        AND reports.attempt_id = stages.attempt_id
        AND reports.stage_id = stages.stage_id
        AND reports.stage_attempt_id = stages.stage_attempt_id
    -- The application of the reports is asked for, and only what is equal to it is not read whole.
    JOIN declared
        ON declared.app_id = reports.app_id
        AND declared.attempt_id = reports.attempt_id
        AND declared.execution_id = stages.execution_id
        AND declared.accumulator_id = reports.accumulator_id
    WHERE reports.position > stages.started_at
        AND (stages.ended_at IS NULL OR reports.position < stages.ended_at)
),
successes AS (
    SELECT
        app_id,
        attempt_id,
        execution_id,
        stage_id,
        task_index,
        min(position) FILTER (WHERE succeeded) AS succeeded_at,
        count(DISTINCT position) AS reports
    FROM values_of_tasks
    GROUP BY app_id, attempt_id, execution_id, stage_id, task_index
),
counted AS (
    -- After an index has succeeded, nothing of it counts.
    SELECT found.*, successes.reports
    FROM values_of_tasks AS found
    JOIN successes
        ON successes.app_id = found.app_id
        AND successes.attempt_id = found.attempt_id
        AND successes.execution_id = found.execution_id
        AND successes.stage_id = found.stage_id
        AND successes.task_index = found.task_index
    WHERE successes.succeeded_at IS NULL OR found.position <= successes.succeeded_at
),
of_stages AS (
    -- The last value of an index replaces those before. Most indices have one.
    SELECT
        app_id,
        attempt_id,
        execution_id,
        stage_id,
        stage_attempt_id,
        accumulator_id,
        metric_type,
        num_tasks,
        update AS value
    FROM counted
    WHERE reports = 1
    UNION ALL
    SELECT
        app_id,
        attempt_id,
        execution_id,
        stage_id,
        stage_attempt_id,
        accumulator_id,
        metric_type,
        num_tasks,
        last_value(update ORDER BY position, task_id)
    FROM counted
    WHERE reports > 1
    GROUP BY
        app_id,
        attempt_id,
        execution_id,
        stage_id,
        stage_attempt_id,
        accumulator_id,
        metric_type,
        num_tasks,
        task_index
),
by_stage AS (
    SELECT
        app_id,
        attempt_id,
        execution_id,
        stage_id,
        accumulator_id,
        metric_type,
        -- An index without a value has 0.
        greatest(num_tasks - count(*), 0) AS zeros
    FROM of_stages
    GROUP BY
        app_id,
        attempt_id,
        execution_id,
        stage_id,
        accumulator_id,
        metric_type,
        num_tasks
),
zeros AS (
    SELECT app_id, attempt_id, execution_id, accumulator_id, sum(zeros) AS zeros
    FROM by_stage
    GROUP BY app_id, attempt_id, execution_id, accumulator_id
),
driver AS (
    SELECT
        updates.app_id,
        updates.attempt_id,
        updates.execution_id,
        updates.accumulator_id,
        declared.metric_type,
        updates.value
    FROM lake.sql_driver_updates AS updates
    JOIN declared
        ON declared.app_id = updates.app_id
        AND declared.attempt_id = updates.attempt_id
        AND declared.execution_id = updates.execution_id
        AND declared.accumulator_id = updates.accumulator_id
    JOIN executions
        ON executions.app_id = updates.app_id
        AND executions.attempt_id = updates.attempt_id
        AND executions.execution_id = updates.execution_id
    WHERE executions.ended_at IS NULL
        OR updates.segment * 100000000000 + updates.line < executions.ended_at
),
everything AS (
    SELECT app_id, attempt_id, execution_id, accumulator_id, metric_type, value FROM of_stages
    UNION ALL
    SELECT app_id, attempt_id, execution_id, accumulator_id, metric_type, value FROM driver
),
totals AS (
    SELECT
        app_id,
        attempt_id,
        execution_id,
        accumulator_id,
        metric_type,
        -- Below the least that counts, a value was never set (SPARK-11013).
        sum(value) FILTER (
            WHERE metric_type = 'sum' OR value > 0 OR value = 0 AND metric_type <> 'average'
        ) AS total,
        sorted_values(value) FILTER (
            WHERE metric_type <> 'sum' AND (value > 0 OR value = 0 AND metric_type <> 'average')
        ) AS sorted
    FROM everything
    GROUP BY app_id, attempt_id, execution_id, accumulator_id, metric_type
),
largest AS (
    -- Whichever report came first, of all that came. A heartbeat reports of several tasks at once.
    SELECT
        app_id,
        attempt_id,
        execution_id,
        accumulator_id,
        max(update) AS value,
        first_value(stage_id ORDER BY update DESC, stage_id, position, task_id) AS stage_id,
        first_value(stage_attempt_id ORDER BY update DESC, stage_id, position, task_id) AS stage_attempt_id,
        first_value(task_id ORDER BY update DESC, stage_id, position, task_id) AS task_id
    FROM counted
    WHERE metric_type <> 'sum'
    GROUP BY app_id, attempt_id, execution_id, accumulator_id
),
of_driver AS (
    SELECT app_id, attempt_id, execution_id, accumulator_id, max(value) AS value
    FROM driver
    GROUP BY app_id, attempt_id, execution_id, accumulator_id
),
ranked AS (
    SELECT
        totals.app_id,
        totals.attempt_id,
        totals.execution_id,
        totals.accumulator_id,
        totals.metric_type,
        coalesce(totals.total, 0) AS total,
        coalesce(totals.sorted, make_array()) AS sorted,
        CASE WHEN totals.metric_type = 'average' THEN 0 ELSE coalesce(zeros.zeros, 0) END AS zeros,
        CASE WHEN largest.value >= coalesce(of_driver.value, largest.value)
            THEN largest.stage_id END AS max_stage_id,
        largest.stage_attempt_id AS max_stage_attempt_id,
        largest.task_id AS max_task_id
    FROM totals
    LEFT JOIN zeros
        ON zeros.app_id = totals.app_id
        AND zeros.attempt_id = totals.attempt_id
        AND zeros.execution_id = totals.execution_id
        AND zeros.accumulator_id = totals.accumulator_id
    LEFT JOIN largest
        ON largest.app_id = totals.app_id
        AND largest.attempt_id = totals.attempt_id
        AND largest.execution_id = totals.execution_id
        AND largest.accumulator_id = totals.accumulator_id
    LEFT JOIN of_driver
        ON of_driver.app_id = totals.app_id
        AND of_driver.attempt_id = totals.attempt_id
        AND of_driver.execution_id = totals.execution_id
        AND of_driver.accumulator_id = totals.accumulator_id
),
sized AS (
    SELECT *, coalesce(CAST(array_length(sorted) AS BIGINT), 0) + zeros AS value_count
    FROM ranked
),
valued AS (
    SELECT
        *,
        -- A sum has none of these (SQLMetrics.metricNeedsMax).
        CASE
            WHEN metric_type = 'sum' THEN NULL
            WHEN zeros > 0 THEN 0
            ELSE sorted[1]
        END AS min_value,
        CASE
            WHEN metric_type = 'sum' THEN NULL
            WHEN value_count / 2 < zeros THEN 0
            ELSE sorted[value_count / 2 - zeros + 1]
        END AS median_value,
        CASE WHEN metric_type <> 'sum' THEN coalesce(sorted[-1], 0) END AS max_value
    FROM sized
)
SELECT
    metrics.app_id,
    NULLIF(metrics.attempt_id, '') AS attempt_id,
    metrics.execution_id,
    metrics.node_id,
    trim(nodes.node_name) AS node_name,
    trim(metrics.name) AS metric_name,
    metrics.accumulator_id,
    valued.metric_type,
    -- Of an average, the tasks' averages are not added up: the value is their median, in tenths.
    CASE WHEN valued.metric_type = 'average' THEN coalesce(median_value, 0) ELSE total END AS value,
    min_value,
    median_value,
    max_value,
    max_stage_id,
    CASE WHEN max_stage_id IS NOT NULL THEN max_stage_attempt_id END AS max_stage_attempt_id,
    CASE WHEN max_stage_id IS NOT NULL THEN max_task_id END AS max_task_id,
    CASE
        WHEN valued.metric_type = 'sum' THEN format_metric('sum', total)
        WHEN valued.metric_type NOT IN ('average', 'size', 'timing', 'nsTiming') THEN 'N/A'
        WHEN value_count <= 1 THEN format_metric(valued.metric_type, coalesce(max_value, 0))
        ELSE concat(
            CASE WHEN valued.metric_type = 'average' THEN '' ELSE 'total ' END,
            '(min, med, max (stageId: taskId))',
            CASE
                WHEN valued.metric_type = 'average' THEN concat(':', chr(10))
                ELSE concat(chr(10), format_metric(valued.metric_type, total), ' ')
            END,
            '(', format_metric(valued.metric_type, min_value),
            ', ', format_metric(valued.metric_type, median_value),
            ', ', format_metric(valued.metric_type, max_value),
            ' ', CASE
                WHEN max_stage_id IS NULL THEN '(driver)'
                ELSE concat(
                    '(stage ', max_stage_id, '.', max_stage_attempt_id, ': task ', max_task_id, ')')
            END,
            ')')
    END AS value_text
FROM lake.sql_plan_metrics AS metrics
JOIN executions
    ON executions.app_id = metrics.app_id
    AND executions.attempt_id = metrics.attempt_id
    AND executions.execution_id = metrics.execution_id
    AND executions.planned_at = metrics.segment * 100000000000 + metrics.line
JOIN lake.sql_plan_nodes AS nodes
    ON nodes.app_id = metrics.app_id
    AND nodes.attempt_id = metrics.attempt_id
    AND nodes.segment = metrics.segment
    AND nodes.line = metrics.line
    AND nodes.node_id = metrics.node_id
JOIN valued
    ON valued.app_id = metrics.app_id
    AND valued.attempt_id = metrics.attempt_id
    AND valued.execution_id = metrics.execution_id
    AND valued.accumulator_id = metrics.accumulator_id
