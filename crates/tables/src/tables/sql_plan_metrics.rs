//! Metrics of physical plans.

use stagelight_eventlog::{Items, Slot};

use crate::column::{
    EVENT,
    Kind::{Int, Text},
    event, item, plan,
};
use crate::table::Table;

/// See the table's own doc line.
pub(crate) const TABLE: Table = Table {
    name: "sql_plan_metrics",
    doc: "A metric that a node of a physical plan declares, or that an execution adds later.",
    events: &[
        "SparkListenerSQLExecutionStart",
        "SparkListenerSQLAdaptiveExecutionUpdate",
        "SparkListenerSQLAdaptiveSQLMetricUpdates",
    ],
    items: Items::PlanMetrics,
    columns: &[&[
        EVENT,
        event("execution_id", Int, "executionId", "The execution.").required(),
        plan("node_id", Slot::NodeId, "The node; NULL for a metric that was added later."),
        item("accumulator_id", Int, "accumulatorId", "The accumulator of the metric.").required(),
        item("name", Text, "name", "Name of the metric."),
        item(
            "metric_type",
            Text,
            "metricType",
            "How values of tasks become one: `sum`, `size`, `timing`, `nsTiming`, `average`, or a \
             class of a data source.",
        ),
    ]],
};
