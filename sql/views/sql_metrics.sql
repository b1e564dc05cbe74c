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
wanted AS (
    -- The metrics that a report of one of these tasks is for: all that the execution has declared.
    SELECT
        stages.app_id,
        stages.attempt_id,
        stages.execution_id,
        stages.stage_id,
        stages.stage_attempt_id,
        stages.num_tasks,
        stages.started_at,
        stages.ended_at,
        declared.accumulator_id,
        declared.metric_type
    FROM stages
    JOIN declared
        ON declared.app_id = stages.app_id
        AND declared.attempt_id = stages.attempt_id
        AND declared.execution_id = stages.execution_id
),
updates AS (
    -- Heartbeats do not tell the index of a task; its start does.
    SELECT
        updates.app_id,
        updates.attempt_id,
        updates.stage_id,
        updates.stage_attempt_id,
        updates.task_id,
        tasks.task_index,
        updates.segment * 100000000000 + updates.line AS position,
        updates.accumulator_id,
        updates.update
    FROM lake.accumulator_updates AS updates
    JOIN lake.task_starts AS tasks
        ON tasks.app_id = updates.app_id
        AND tasks.attempt_id = updates.attempt_id
        AND tasks.task_id = updates.task_id
    WHERE updates.update IS NOT NULL AND tasks.task_index IS NOT NULL
),
repeated AS (
    -- The indices of which there may be several reports. Few are: only these are walked.
    SELECT app_id, attempt_id, stage_id, stage_attempt_id, task_index, true AS is_repeated
    FROM lake.task_ends
    WHERE coalesce(task_attempt, 1) > 0 OR end_reason = 'Resubmitted'
    UNION
    SELECT app_id, attempt_id, stage_id, stage_attempt_id, task_index, true
    FROM updates
),
reports AS (
    -- The few stand on the left, where a join makes its hash table.
    SELECT
        ends.app_id,
        ends.attempt_id,
        ends.stage_id,
        ends.stage_attempt_id,
        ends.task_id,
        ends.task_index,
        ends.segment * 100000000000 + ends.line AS position,
        NOT ends.failed AND NOT ends.killed AS succeeded,
        ends.accumulator_id,
        ends.update,
        coalesce(repeated.is_repeated, false) AS is_repeated
    FROM repeated
    RIGHT JOIN lake.task_accumulables AS ends
        ON ends.app_id = repeated.app_id
        AND ends.attempt_id = repeated.attempt_id
        AND ends.stage_id = repeated.stage_id
        AND ends.stage_attempt_id = repeated.stage_attempt_id
        AND ends.task_index = repeated.task_index
    WHERE ends.update IS NOT NULL AND ends.task_index IS NOT NULL
    UNION ALL
    SELECT
        app_id,
        attempt_id,
        stage_id,
        stage_attempt_id,
        task_id,
        task_index,
        position,
        false,
        accumulator_id,
        update,
        true
    FROM updates
),
found AS (
    SELECT
        -- The application of the reports is asked for, and only what is equal to it is not read
        -- whole.
        reports.*,
        wanted.execution_id,
        wanted.num_tasks,
        wanted.metric_type
    FROM wanted
    JOIN reports
        ON reports.app_id = wanted.app_id
        AND reports.attempt_id = wanted.attempt_id
        AND reports.stage_id = wanted.stage_id
        AND reports.stage_attempt_id = wanted.stage_attempt_id
        AND reports.accumulator_id = wanted.accumulator_id
    WHERE reports.position > wanted.started_at
        AND (wanted.ended_at IS NULL OR reports.position < wanted.ended_at)
),
walked AS (
    SELECT
        *,
        min(CASE WHEN succeeded THEN position END) OVER (
            PARTITION BY app_id, attempt_id, execution_id, stage_id, task_index
        ) AS succeeded_at
    FROM found
    WHERE is_repeated
),
replaced AS (
    -- After an index has succeeded, nothing of it counts. Its last value replaces those before. (A
    -- heartbeat reports of several tasks at once.)
    SELECT
        *,
        row_number() OVER (
            PARTITION BY app_id, attempt_id, execution_id, stage_id, task_index, accumulator_id
            ORDER BY position DESC, task_id DESC
        ) = 1 AS is_last
    FROM walked
    WHERE succeeded_at IS NULL OR position <= succeeded_at
),
counted AS (
    SELECT
        app_id,
        attempt_id,
        execution_id,
        accumulator_id,
        metric_type,
        stage_id,
        stage_attempt_id,
        num_tasks,
        task_id,
        position,
        update AS value,
        true AS is_last
    FROM found
    WHERE NOT is_repeated
    UNION ALL
    SELECT
        app_id,
        attempt_id,
        execution_id,
        accumulator_id,
        metric_type,
        stage_id,
        stage_attempt_id,
        num_tasks,
        task_id,
        position,
        update,
        is_last
    FROM replaced
),
of_stages AS (
    SELECT
        app_id,
        attempt_id,
        execution_id,
        accumulator_id,
        metric_type,
        stage_id,
        max(stage_attempt_id) AS stage_attempt_id,
        -- An index without a value has 0.
        greatest(max(num_tasks) - count(*) FILTER (WHERE is_last), 0) AS zeros,
        -- Below the least that counts, a value was never set (SPARK-11013).
        sum(value) FILTER (WHERE is_last AND (metric_type = 'sum' OR value >= 0)) AS total,
        sorted_values(value) FILTER (
            WHERE is_last
                AND metric_type <> 'sum'
                AND (value > 0 OR value = 0 AND metric_type <> 'average')
        ) AS sorted,
        -- The largest is that of all that came, whichever came first.
        max(value) AS largest,
        first_value(task_id ORDER BY value DESC, position, task_id)
            FILTER (WHERE metric_type <> 'sum') AS largest_task_id
    FROM counted
    GROUP BY app_id, attempt_id, execution_id, accumulator_id, metric_type, stage_id
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
of_driver AS (
    SELECT
        app_id,
        attempt_id,
        execution_id,
        accumulator_id,
        metric_type,
        sum(value) FILTER (WHERE metric_type = 'sum' OR value >= 0) AS total,
        sorted_values(value) FILTER (
            WHERE metric_type <> 'sum' AND (value > 0 OR value = 0 AND metric_type <> 'average')
        ) AS sorted,
        max(value) AS largest_of_driver
    FROM driver
    GROUP BY app_id, attempt_id, execution_id, accumulator_id, metric_type
),
parts AS (
    SELECT
        app_id,
        attempt_id,
        execution_id,
        accumulator_id,
        metric_type,
        total,
        sorted,
        zeros,
        largest,
        stage_id,
        stage_attempt_id,
        largest_task_id,
        NULL AS largest_of_driver
    FROM of_stages
    UNION ALL
    SELECT
        app_id,
        attempt_id,
        execution_id,
        accumulator_id,
        metric_type,
        total,
        sorted,
        0,
        NULL AS largest,
        NULL,
        NULL,
        NULL,
        largest_of_driver
    FROM of_driver
),
totals AS (
    SELECT
        app_id,
        attempt_id,
        execution_id,
        accumulator_id,
        metric_type,
        coalesce(sum(total), 0) AS total,
        merged_values(sorted) AS sorted,
        CASE WHEN metric_type = 'average' THEN 0 ELSE sum(zeros) END AS zeros,
        max(largest) AS largest,
        max(largest_of_driver) AS largest_of_driver,
        first_value(stage_id ORDER BY largest DESC, stage_id)
            FILTER (WHERE largest IS NOT NULL) AS largest_stage_id,
        first_value(stage_attempt_id ORDER BY largest DESC, stage_id)
            FILTER (WHERE largest IS NOT NULL) AS largest_stage_attempt_id,
        first_value(largest_task_id ORDER BY largest DESC, stage_id)
            FILTER (WHERE largest IS NOT NULL) AS largest_task_id
    FROM parts
    GROUP BY app_id, attempt_id, execution_id, accumulator_id, metric_type
),
ranked AS (
    SELECT
        *,
        CASE WHEN metric_type <> 'sum' AND largest >= coalesce(largest_of_driver, largest)
            THEN largest_stage_id END AS max_stage_id
    FROM totals
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
    CASE WHEN max_stage_id IS NOT NULL THEN largest_stage_attempt_id END AS max_stage_attempt_id,
    CASE WHEN max_stage_id IS NOT NULL THEN largest_task_id END AS max_task_id,
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
                    '(stage ', max_stage_id, '.', largest_stage_attempt_id, ': task ',
                    largest_task_id, ')')
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
