//! Start and end of applications.

use stagelight_eventlog::Items;

use crate::column::{
    EVENT,
    Kind::{Int, Text, Time},
    event,
};
use crate::table::Table;

/// See the table's own doc line.
pub(crate) const TABLE: Table = Table {
    name: "application_events",
    doc: "Start and end of an application attempt, and the version of Spark that wrote the log.",
    events: &[
        "SparkListenerLogStart",
        "SparkListenerApplicationStart",
        "SparkListenerApplicationEnd",
    ],
    items: Items::Event,
    columns: &[&[
        EVENT,
        event("time", Time, "Timestamp", "When the application started or ended.").moment(),
        event("spark_version", Text, "Spark Version", "Of SparkListenerLogStart."),
        event("app_name", Text, "App Name", "`spark.app.name`."),
        event("spark_user", Text, "User", "Who ran it."),
        event("exit_code", Int, "ExitCode", "Exit code of the driver, from Spark 4."),
    ]],
};
