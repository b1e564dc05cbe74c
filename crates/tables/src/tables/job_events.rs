//! Start and end of jobs.

use stagelight_eventlog::Items;

use crate::column::{
    EVENT,
    Kind::{Int, IntList, IntText, Text, Time},
    event,
};
use crate::table::Table;

/// See the table's own doc line.
pub(crate) const TABLE: Table = Table {
    name: "job_events",
    doc: "Start or end of a job.",
    events: &["SparkListenerJobStart", "SparkListenerJobEnd"],
    items: Items::Event,
    columns: &[&[
        EVENT,
        event("time", Time, "Submission Time|Completion Time", "When it started or ended.")
            .moment(),
        event("job_id", Int, "Job ID", "The job.").required(),
        event("stage_ids", IntList, "Stage IDs", "Its stages, in the event's order."),
        event("description", Text, "Properties/spark.job.description", "Set by the user or SQL."),
        event("job_group", Text, "Properties/spark.jobGroup.id", "Group that can be cancelled."),
        event("job_tags", Text, "Properties/spark.job.tags", "Tags that can be cancelled."),
        event(
            "sql_execution_id",
            IntText,
            "Properties/spark.sql.execution.id",
            "The SQL execution that the job is of.",
        ),
        event("scheduling_pool", Text, "Properties/spark.scheduler.pool", "Fair scheduler pool."),
        event("result", Text, "Job Result/Result", "`JobSucceeded` or `JobFailed`."),
        event("exception_message", Text, "Job Result/Exception/Message", "Why it failed."),
    ]],
};
