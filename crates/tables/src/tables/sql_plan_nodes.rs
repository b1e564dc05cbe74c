//! Nodes of physical plans.

use stagelight_eventlog::{Items, Slot};

use crate::column::{
    EVENT,
    Kind::{Int, Json, Text},
    event, item, plan,
};
use crate::table::Table;

/// See the table's own doc line.
pub(crate) const TABLE: Table = Table {
    name: "sql_plan_nodes",
    doc: "A node of a physical plan as the History Server draws it, for each plan that a SQL \
          execution had.",
    events: &["SparkListenerSQLExecutionStart", "SparkListenerSQLAdaptiveExecutionUpdate"],
    items: Items::PlanNodes,
    columns: &[&[
        EVENT,
        event("execution_id", Int, "executionId", "The execution.").required(),
        plan("node_id", Slot::NodeId, "Number of the node in the plan, from 0 at the root."),
        plan("cluster_id", Slot::ClusterId, "The WholeStageCodegen node that it is part of."),
        item("node_name", Text, "nodeName", "What the node does."),
        item("description", Text, "simpleString", "The node with its arguments."),
        item("metadata", Json, "metadata", "What a data source says of itself."),
    ]],
};
