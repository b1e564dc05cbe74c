//! Metrics that the driver computes.

use stagelight_eventlog::Items;

use crate::column::{Kind::Int, event, item};
use crate::table::Table;

/// See the table's own doc line.
pub(crate) const TABLE: Table = Table {
    name: "sql_driver_updates",
    doc: "A value that the driver gives to a metric of a SQL execution.",
    events: &["SparkListenerDriverAccumUpdates"],
    items: Items::Elements(&["accumUpdates"]),
    columns: &[&[
        event("execution_id", Int, "executionId", "The execution.").required(),
        item("accumulator_id", Int, "0", "The accumulator of the metric.").required(),
        item("value", Int, "1", "The value."),
    ]],
};
