//! What the batches of streaming queries spend time on.

use stagelight_eventlog::Items;

use crate::column::{Kind::Int, item, key};
use crate::table::Table;
use crate::tables::streaming_events::{PROGRESS, QUERY};

/// See the table's own doc line.
pub(crate) const TABLE: Table = Table {
    name: "streaming_durations",
    doc: "Time that a batch of a streaming query spent on one step.",
    events: &[PROGRESS],
    items: Items::Entries(&["progress/durationMs"]),
    columns: &[
        QUERY,
        &[
            key("The step: `addBatch`, `getBatch`, `walCommit`, `triggerExecution` for all."),
            item("duration_ms", Int, "", "The time."),
        ],
    ],
};
