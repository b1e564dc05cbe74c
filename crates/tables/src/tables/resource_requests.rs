//! Resource profiles.

use stagelight_eventlog::Items;

use crate::column::{
    Kind::{Float, Int, Text},
    event, item, key, section,
};
use crate::table::Table;

/// See the table's own doc line.
pub(crate) const TABLE: Table = Table {
    name: "resource_requests",
    doc: "What a resource profile asks for, a row for each resource.",
    events: &["SparkListenerResourceProfileAdded"],
    items: Items::Entries(&["Executor Resource Requests", "Task Resource Requests"]),
    columns: &[&[
        event("resource_profile_id", Int, "Resource Profile Id", "The profile.").required(),
        section("Whether executors or tasks ask for it, as the event calls it."),
        key("Resource: `cores`, `memory`, `cpus`, `gpu` and so on.").required(),
        item("amount", Float, "Amount", "How much; memory in MiB."),
        item("discovery_script", Text, "Discovery Script", "Script that finds the resource."),
        item("vendor", Text, "Vendor", "Vendor of the resource."),
    ]],
};
