//! What is said of stages.

use stagelight_eventlog::Items;

use crate::column::{
    EVENT,
    Kind::{Int, IntList, Text, Time},
    event, item,
};
use crate::table::Table;

/// See the table's own doc line.
pub(crate) const TABLE: Table = Table {
    name: "stage_events",
    doc: "A stage as the start of its job, its submission or its completion shows it.",
    events: &[
        "SparkListenerJobStart",
        "SparkListenerStageSubmitted",
        "SparkListenerStageCompleted",
    ],
    items: Items::Elements(&["Stage Infos", "Stage Info"]),
    columns: &[&[
        EVENT,
        event("job_id", Int, "Job ID", "The job that started; of SparkListenerJobStart."),
        item("stage_id", Int, "Stage ID", "The stage.").required(),
        item("stage_attempt_id", Int, "Stage Attempt ID", "Its attempt, from 0.").required(),
        item("name", Text, "Stage Name", "Its call site, short."),
        item("details", Text, "Details", "Its call site, long."),
        item("num_tasks", Int, "Number of Tasks", "How many tasks it has."),
        item("parent_ids", IntList, "Parent IDs", "Stages that it reads from."),
        item("submission_time", Time, "Submission Time", "When it was submitted.").moment(),
        item("completion_time", Time, "Completion Time", "When it completed or failed.").moment(),
        item("failure_reason", Text, "Failure Reason", "Why it failed."),
        item("resource_profile_id", Int, "Resource Profile Id", "What its tasks ask for."),
        event(
            "description",
            Text,
            "Properties/spark.job.description",
            "Set by the user or SQL, of the job or stage that is submitted.",
        ),
        event("scheduling_pool", Text, "Properties/spark.scheduler.pool", "Fair scheduler pool."),
    ]],
};
