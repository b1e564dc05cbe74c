//! What the batches of streaming queries read.

use stagelight_eventlog::Items;

use crate::column::{
    Kind::{Float, Int, Json, Text},
    item,
};
use crate::table::Table;
use crate::tables::streaming_events::{PROGRESS, QUERY};

/// See the table's own doc line.
pub(crate) const TABLE: Table = Table {
    name: "streaming_sources",
    doc: "What a batch of a streaming query read of one source.",
    events: &[PROGRESS],
    items: Items::Elements(&["progress/sources"]),
    columns: &[
        QUERY,
        &[
            item("description", Text, "description", "The source."),
            item("start_offset", Json, "startOffset", "Where the batch began."),
            item("end_offset", Json, "endOffset", "Where it ended."),
            item("latest_offset", Json, "latestOffset", "The newest that the source had."),
            item("num_input_rows", Int, "numInputRows", "Rows that were read."),
            item("input_rows_per_second", Float, "inputRowsPerSecond", "Rows that arrived."),
            item("processed_rows_per_second", Float, "processedRowsPerSecond", "Rows processed."),
            item("metrics", Json, "metrics", "What the source says of itself."),
        ],
    ],
};
