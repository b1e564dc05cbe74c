//! Settings of applications.

use stagelight_eventlog::Items;

use crate::column::{Kind::Text, item, key, section};
use crate::table::Table;

/// See the table's own doc line.
pub(crate) const TABLE: Table = Table {
    name: "environment_entries",
    doc: "One setting of an application attempt, a row for each entry of each section.",
    events: &["SparkListenerEnvironmentUpdate"],
    items: Items::Entries(&[
        "JVM Information",
        "Spark Properties",
        "Hadoop Properties",
        "System Properties",
        "Metrics Properties",
        "Classpath Entries",
    ]),
    columns: &[&[
        section("Section of the environment, as the event calls it."),
        key("Name of the setting.").required(),
        item("value", Text, "", "Its value."),
    ]],
};
