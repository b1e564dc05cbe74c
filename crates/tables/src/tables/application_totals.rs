//! What an application adds up to.

use stagelight_eventlog::Items;

use crate::column::{
    Column,
    Kind::{Bool, Float, Int, IntList, Text, Time},
    given,
};
use crate::table::Table;

/// See the table's own doc line.
pub(crate) const TABLE: Table = Table {
    name: "application_totals",
    doc: "What an application attempt adds up to, as of when `maintain` rolled it up last.",
    events: &[],
    items: Items::Event,
    columns: &[MADE_OF, APPLICATION, COUNTS, TASKS, CORES, DURATIONS],
};

const MADE_OF: &[Column] = &[
    given("segments_key", Int, "Which segments it was made of: the exclusive or of their keys."),
    given("definition", Text, "A hash of the SQL that it was made with."),
];

const APPLICATION: &[Column] = &[
    given("cluster_name", Text, "As in view `deployments`."),
    given("namespace", Text, "As in view `applications`."),
    given("app_name", Text, "As in view `applications`."),
    given("completed", Bool, "Whether its end was seen."),
    given("exit_code", Int, "As its end says, from Spark 4; NULL before."),
    given("start_time", Time, "When it started."),
    given("last_event_time", Time, "When its last event happened."),
    given("duration_ms", Int, "As in view `applications`."),
];

const COUNTS: &[Column] = &[
    given("num_running_jobs", Int, "Jobs that have not ended."),
    given("num_succeeded_jobs", Int, "Jobs that succeeded."),
    given("num_failed_jobs", Int, "Jobs that failed."),
    given("num_complete_stages", Int, "Stage attempts that completed."),
    given("num_failed_stages", Int, "Stage attempts that failed."),
    given("num_skipped_stages", Int, "Stages that were skipped."),
    given("num_running_sql_executions", Int, "SQL executions that have not ended."),
    given("num_completed_sql_executions", Int, "SQL executions that completed."),
    given("num_failed_sql_executions", Int, "SQL executions that failed."),
];

const TASKS: &[Column] = &[
    given("num_running_tasks", Int, "Task attempts that have not ended."),
    given("num_succeeded_tasks", Int, "Task attempts that succeeded."),
    given("num_failed_tasks", Int, "Task attempts that failed."),
    given("num_killed_tasks", Int, "Task attempts that were killed."),
    sum("executor_run_time_ms"),
    sum("executor_cpu_time_ns"),
    sum("jvm_gc_time_ms"),
    sum("shuffle_fetch_wait_time_ms"),
    given("scheduler_delay_ms", Int, "Sum over the tasks that succeeded."),
    sum("memory_bytes_spilled"),
    sum("disk_bytes_spilled"),
    sum("input_bytes"),
    sum("output_bytes"),
    sum("shuffle_read_bytes"),
    sum("shuffle_write_bytes"),
    given(
        "skew_excess_ms",
        Int,
        "The longest that a task ran beyond the median of its stage attempt, of those that succeeded.",
    ),
    given("skew_ratio", Float, "How many medians of its stage attempt that task ran."),
    given(
        "failures",
        Text,
        "How many failures of a kind there are for a class of causes, as in view `failures`: \
         `kind:cause_class:number`, parted by commas; NULL where there are none.",
    ),
];

const CORES: &[Column] = &[
    given("busy_core_time_ms", Int, "As in view `core_usage`."),
    given("idle_in_jobs_core_time_ms", Int, "As in view `core_usage`."),
    given("idle_without_jobs_core_time_ms", Int, "As in view `core_usage`."),
];

const DURATIONS: &[Column] = &[
    counts("stage_durations"),
    given("stage_duration_ms", Int, "Sum of the durations of the stage attempts that ended."),
    counts("job_durations"),
    given("job_duration_ms", Int, "Sum of the durations of the jobs that ended."),
    counts("sql_execution_durations"),
    given(
        "sql_execution_duration_ms",
        Int,
        "Sum of the durations of the SQL executions that ended.",
    ),
];

const fn sum(name: &'static str) -> Column {
    given(name, Int, "Sum over the stages, as in view `stages`.")
}

const fn counts(name: &'static str) -> Column {
    given(name, IntList, "How many ended within each of the bounds of view `duration_bounds`.")
}
