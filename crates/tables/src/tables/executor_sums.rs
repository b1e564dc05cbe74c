//! What the tasks of an executor add up to.

use stagelight_eventlog::Items;

use crate::column::{
    Column,
    Fold::{Count, Key, SumOfSpans},
    Kind::{Int, Text},
    Tasks::{Ended, Killed, Succeeded},
    folded,
};
use crate::table::Table;
use crate::tables::stage_sums::{MOVES, metric};

/// See the table's own doc line.
pub(crate) const TABLE: Table = Table {
    name: "executor_sums",
    doc: "What the tasks of an executor add up to in a segment, or in a part of one: rows of the \
          same executor are to be added up.",
    events: &[],
    items: Items::Event,
    columns: &[KEYS, MOVES, OUTCOMES],
};

const KEYS: &[Column] =
    &[folded("executor_id", Text, Key("executor_id"), "Executor of the tasks.")];

const OUTCOMES: &[Column] = &[
    folded("num_succeeded", Int, Count(Succeeded), "Ends with `Success`."),
    folded("num_killed", Int, Count(Killed), "Ends with `TaskKilled` or `TaskCommitDenied`."),
    folded(
        "duration_ms",
        Int,
        SumOfSpans(Ended, "launch_time", "finish_time"),
        "Sum of the times from launch to finish.",
    ),
    metric("jvm_gc_time_ms"),
    metric("memory_bytes_spilled"),
    metric("disk_bytes_spilled"),
    metric("input_bytes"),
    metric("output_bytes"),
    metric("shuffle_local_bytes_read"),
    metric("shuffle_remote_bytes_read"),
    metric("shuffle_write_bytes"),
];
