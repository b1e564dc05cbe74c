-- A row is a node of a physical plan of a SQL execution, for every plan that the execution had:
-- adaptive execution changes plans. The last plan is the one that the History Server draws.
-- Spark: SparkPlanGraph, SQLAppStatusListener.onExecutionStart, onAdaptiveExecutionUpdate.
WITH plans AS (
    SELECT
        app_id,
        attempt_id,
        execution_id,
        segment,
        line,
        row_number() OVER execution AS plan_version,
        count(*) OVER (PARTITION BY app_id, attempt_id, execution_id) AS plan_versions
    FROM lake.sql_events
    WHERE event IN ('SparkListenerSQLExecutionStart', 'SparkListenerSQLAdaptiveExecutionUpdate')
    WINDOW execution AS (PARTITION BY app_id, attempt_id, execution_id ORDER BY segment, line)
),
parents AS (
    SELECT
        app_id,
        attempt_id,
        segment,
        line,
        from_node_id AS node_id,
        array_agg(to_node_id ORDER BY to_node_id) AS node_ids
    FROM lake.sql_plan_edges
    GROUP BY app_id, attempt_id, segment, line, from_node_id
)
SELECT
    nodes.app_id,
    NULLIF(nodes.attempt_id, '') AS attempt_id,
    nodes.execution_id,
    plans.plan_version - 1 AS plan_version,
    plans.plan_version = plans.plan_versions AS is_last_version,
    nodes.node_id,
    trim(nodes.node_name) AS node_name,
    nodes.description,
    -- The nodes that take its rows: several where an exchange is used again.
    coalesce(parents.node_ids, make_array()) AS parent_node_ids,
    nodes.cluster_id AS cluster_node_id,
    TRY_CAST(regexp_match(clusters.node_name, '^WholeStageCodegen \((\d+)\)$')[1] AS BIGINT)
        AS whole_stage_codegen_id,
    nodes.metadata
FROM lake.sql_plan_nodes AS nodes
JOIN plans
    ON plans.app_id = nodes.app_id
    AND plans.attempt_id = nodes.attempt_id
    AND plans.segment = nodes.segment
    AND plans.line = nodes.line
LEFT JOIN parents
    ON parents.app_id = nodes.app_id
    AND parents.attempt_id = nodes.attempt_id
    AND parents.segment = nodes.segment
    AND parents.line = nodes.line
    AND parents.node_id = nodes.node_id
LEFT JOIN lake.sql_plan_nodes AS clusters
    ON clusters.app_id = nodes.app_id
    AND clusters.attempt_id = nodes.attempt_id
    AND clusters.segment = nodes.segment
    AND clusters.line = nodes.line
    AND clusters.node_id = nodes.cluster_id
