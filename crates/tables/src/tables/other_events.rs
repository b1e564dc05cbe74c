//! What has no table of its own.

use stagelight_eventlog::Items;

use crate::column::{EVENT, RAW};
use crate::table::Table;

/// See the table's own doc line.
pub(crate) const TABLE: Table = Table {
    name: "other_events",
    doc: "Every event that has no table of its own, as Spark or a plugin wrote it.",
    events: &[Table::EVERY_OTHER],
    items: Items::Event,
    columns: &[&[EVENT, RAW]],
};
