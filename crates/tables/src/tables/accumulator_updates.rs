//! What running tasks have added to accumulators so far.

use stagelight_eventlog::Items;

use crate::column::{Kind::Int, outer};
use crate::table::Table;
use crate::tables::task_accumulables::ACCUMULABLE;

/// See the table's own doc line.
pub(crate) const TABLE: Table = Table {
    name: "accumulator_updates",
    doc: "What a running task has added to an accumulator, as a heartbeat reports it.",
    events: &["SparkListenerExecutorMetricsUpdate"],
    items: Items::ElementsExcept {
        at: &["Metrics Updated/Accumulator Updates"],
        key: "Name",
        prefix: "internal.metrics.",
    },
    columns: &[
        &[
            outer("stage_id", Int, "Stage ID", "Stage of the task."),
            outer("stage_attempt_id", Int, "Stage Attempt ID", "Attempt of the stage, from 0."),
            outer("task_id", Int, "Task ID", "The task."),
        ],
        ACCUMULABLE,
    ],
};
