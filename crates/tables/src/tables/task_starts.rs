//! Start of tasks.

use stagelight_eventlog::Items;

use crate::column::{
    Column,
    Kind::{Bool, Int, Text, Time},
    event,
};
use crate::table::Table;

/// See the table's own doc line.
pub(crate) const TABLE: Table = Table {
    name: "task_starts",
    doc: "Start of a task; with the end missing, a task that never ended.",
    events: &["SparkListenerTaskStart"],
    items: Items::Event,
    columns: &[TASK],
};

/// What start and end of a task both say.
pub(crate) const TASK: &[Column] = &[
    event("stage_id", Int, "Stage ID", "Stage of the task.").required(),
    event("stage_attempt_id", Int, "Stage Attempt ID", "Attempt of the stage, from 0."),
    event("task_id", Int, "Task Info/Task ID", "The task, unique in an attempt.").required(),
    event("task_index", Int, "Task Info/Index", "Index of the task in its stage."),
    event("task_attempt", Int, "Task Info/Attempt", "Attempt of this index, from 0."),
    event("partition_id", Int, "Task Info/Partition ID", "Partition that it computes."),
    event("launch_time", Time, "Task Info/Launch Time", "When it was launched.").moment(),
    event("executor_id", Text, "Task Info/Executor ID", "Executor that it ran on."),
    event("host", Text, "Task Info/Host", "Host of the executor."),
    event("task_locality", Text, "Task Info/Locality", "How near its data was."),
    event("speculative", Bool, "Task Info/Speculative", "Whether it is a second copy."),
];
