//! Edges of physical plans.

use stagelight_eventlog::{Items, Slot};

use crate::column::{Kind::Int, event, plan};
use crate::table::Table;

/// See the table's own doc line.
pub(crate) const TABLE: Table = Table {
    name: "sql_plan_edges",
    doc: "An edge of a physical plan: rows go from one node to the other.",
    events: &["SparkListenerSQLExecutionStart", "SparkListenerSQLAdaptiveExecutionUpdate"],
    items: Items::PlanEdges,
    columns: &[&[
        event("execution_id", Int, "executionId", "The execution.").required(),
        plan("from_node_id", Slot::NodeId, "The node that gives rows."),
        plan("to_node_id", Slot::ToNodeId, "The node that takes them."),
    ]],
};
