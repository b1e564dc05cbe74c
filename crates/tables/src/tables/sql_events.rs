//! SQL executions.

use stagelight_eventlog::Items;

use crate::column::{
    EVENT,
    Kind::{Int, Json, Text, Time},
    event,
};
use crate::table::Table;

/// See the table's own doc line.
pub(crate) const TABLE: Table = Table {
    name: "sql_events",
    doc: "Start, change of plan or end of a SQL execution.",
    events: &[
        "SparkListenerSQLExecutionStart",
        "SparkListenerSQLExecutionEnd",
        "SparkListenerSQLAdaptiveExecutionUpdate",
    ],
    items: Items::Event,
    columns: &[&[
        EVENT,
        event("execution_id", Int, "executionId", "The execution.").required(),
        event("root_execution_id", Int, "rootExecutionId", "The execution that it is part of."),
        event("time", Time, "time", "When it started or ended.").moment(),
        event("description", Text, "description", "Call site or description of the query."),
        event("details", Text, "details", "Call site, long."),
        event("plan_description", Text, "physicalPlanDescription", "The physical plan as text."),
        event("plan", Json, "sparkPlanInfo", "Nodes of the physical plan and their metrics."),
        event("modified_configs", Json, "modifiedConfigs", "Settings that the session changed."),
        event("job_group", Text, "jobGroupId", "Group that can be cancelled."),
        event("job_tags", Json, "jobTags", "Tags that can be cancelled."),
        event("error_message", Text, "errorMessage", "Why it failed; empty where it succeeded."),
    ]],
};
