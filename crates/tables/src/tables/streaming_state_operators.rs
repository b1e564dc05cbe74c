//! State of streaming queries.

use stagelight_eventlog::Items;

use crate::column::{
    Kind::{Int, Json, Text},
    item,
};
use crate::table::Table;
use crate::tables::streaming_events::{PROGRESS, QUERY};

/// See the table's own doc line.
pub(crate) const TABLE: Table = Table {
    name: "streaming_state_operators",
    doc: "State that a batch of a streaming query kept in one operator.",
    events: &[PROGRESS],
    items: Items::Elements(&["progress/stateOperators"]),
    columns: &[
        QUERY,
        &[
            item("operator_name", Text, "operatorName", "The operator."),
            item("num_rows_total", Int, "numRowsTotal", "Rows of state."),
            item("num_rows_updated", Int, "numRowsUpdated", "Rows that changed."),
            item("num_rows_removed", Int, "numRowsRemoved", "Rows that were removed."),
            item(
                "num_rows_dropped_by_watermark",
                Int,
                "numRowsDroppedByWatermark",
                "Rows that came too late.",
            ),
            item("all_updates_time_ms", Int, "allUpdatesTimeMs", "Time to change rows."),
            item("all_removals_time_ms", Int, "allRemovalsTimeMs", "Time to remove rows."),
            item("commit_time_ms", Int, "commitTimeMs", "Time to commit."),
            item("memory_used_bytes", Int, "memoryUsedBytes", "Memory of the state."),
            item("num_shuffle_partitions", Int, "numShufflePartitions", "Partitions of the state."),
            item("num_state_store_instances", Int, "numStateStoreInstances", "Stores of it."),
            item("custom_metrics", Json, "customMetrics", "What the store says of itself."),
        ],
    ],
};
