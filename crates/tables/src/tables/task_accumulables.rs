//! What tasks added to accumulators.

use stagelight_eventlog::Items;

use crate::column::{
    Column,
    Kind::{Bool, Int, IntIfAny, Present, Text, TextIfNoInt},
    event, item,
};
use crate::table::Table;

/// See the table's own doc line.
pub(crate) const TABLE: Table = Table {
    name: "task_accumulables",
    doc: "What a task that has ended added to an accumulator: a SQL metric or one of the user's own. \
          Spark's `internal.metrics` are columns of task_ends.",
    events: &["SparkListenerTaskEnd"],
    items: Items::ElementsExcept {
        at: &["Task Info/Accumulables"],
        key: "Name",
        prefix: "internal.metrics.",
    },
    columns: &[
        &[
            event("stage_id", Int, "Stage ID", "Stage of the task."),
            event("stage_attempt_id", Int, "Stage Attempt ID", "Attempt of the stage, from 0."),
            event("task_id", Int, "Task Info/Task ID", "The task."),
            event("task_index", Int, "Task Info/Index", "Index of the task in its stage."),
            event("failed", Bool, "Task Info/Failed", "Whether the task failed."),
            event("killed", Bool, "Task Info/Killed", "Whether the task was killed."),
        ],
        ACCUMULABLE,
    ],
};

/// What an AccumulableInfo says.
pub(crate) const ACCUMULABLE: &[Column] = &[
    item("accumulator_id", Int, "ID", "The accumulator.").required(),
    item("name", Text, "Name", "Its name."),
    item("update", IntIfAny, "Update", "What was added, if it is an integer."),
    item("update_text", TextIfNoInt, "Update", "What was added, if it is anything else."),
    item("is_sql_metric", Present, "Metadata", "Whether it is a metric of a SQL plan."),
];
