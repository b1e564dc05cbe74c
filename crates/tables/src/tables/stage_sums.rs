//! What the tasks of a stage attempt add up to.

use stagelight_eventlog::Items;

use crate::column::{
    Column,
    Fold::{Count, Greatest, Key, Least, Sum, SumOfDelays, SumOfHashes},
    Kind::{Int, Time},
    Tasks::{
        Ended, Finished, FlaggedFailed, FlaggedKilled, Killed, Reporting, Retried, Started,
        Succeeded,
    },
    folded,
};
use crate::table::Table;

/// See the table's own doc line.
pub(crate) const TABLE: Table = Table {
    name: "stage_sums",
    doc: "What the tasks of a stage attempt add up to in a segment, or in a part of one: rows of the \
          same stage attempt are to be added up.",
    events: &[],
    items: Items::Event,
    columns: &[KEYS, MOVES, OUTCOMES, METRICS],
};

const KEYS: &[Column] = &[
    folded("stage_id", Int, Key("stage_id"), "Stage of the tasks."),
    folded("stage_attempt_id", Int, Key("stage_attempt_id"), "Attempt of the stage, from 0."),
];

/// How many tasks moved, and where: what an executor has, too.
pub(crate) const MOVES: &[Column] = &[
    folded("num_started", Int, Count(Started), "Starts of tasks."),
    folded("first_start_line", Int, Least(Started, "line"), "Line of the first start."),
    folded("last_start_line", Int, Greatest(Started, "line"), "Line of the last start."),
    folded("num_ended", Int, Count(Ended), "Ends of tasks."),
    folded(
        "num_finished",
        Int,
        Count(Finished),
        "Ends of tasks that had not ended before: all but `Resubmitted`.",
    ),
    folded("first_end_line", Int, Least(Ended, "line"), "Line of the first end."),
    folded("last_end_line", Int, Greatest(Ended, "line"), "Line of the last end."),
    folded(
        "num_reporting",
        Int,
        Count(Reporting),
        "Ends of tasks of which it is not said that no peaks were measured.",
    ),
];

const OUTCOMES: &[Column] = &[
    folded("first_finish_line", Int, Least(Finished, "line"), "Line of the first that finished."),
    folded("last_finish_line", Int, Greatest(Finished, "line"), "Line of the last that finished."),
    folded("first_launch_time", Time, Least(Started, "launch_time"), "When the first started."),
    folded(
        "started_ids",
        Int,
        SumOfHashes(Started, "task_id"),
        "Which tasks started: as many with the same sum are the same.",
    ),
    folded(
        "finished_ids",
        Int,
        SumOfHashes(Finished, "task_id"),
        "Which tasks finished, likewise.",
    ),
    folded("num_succeeded", Int, Count(Succeeded), "Ends with `Success`."),
    folded("num_killed", Int, Count(Killed), "Ends with `TaskKilled` or `TaskCommitDenied`."),
    folded(
        "num_retried",
        Int,
        Count(Retried),
        "Successes of a later attempt of the task or of the stage.",
    ),
    folded(
        "num_flagged_failed",
        Int,
        Count(FlaggedFailed),
        "Of what finished, what says `failed`.",
    ),
    folded(
        "num_flagged_killed",
        Int,
        Count(FlaggedKilled),
        "Of what finished, what says `killed` and not `failed`.",
    ),
    folded(
        "scheduler_delay_ms",
        Int,
        SumOfDelays(Succeeded),
        "Sum of the scheduler delays of those that succeeded.",
    ),
];

const METRICS: &[Column] = &[
    metric("executor_deserialize_time_ms"),
    metric("executor_deserialize_cpu_time_ns"),
    metric("executor_run_time_ms"),
    metric("executor_cpu_time_ns"),
    metric("result_size"),
    metric("jvm_gc_time_ms"),
    metric("result_serialization_time_ms"),
    metric("memory_bytes_spilled"),
    metric("disk_bytes_spilled"),
    metric("peak_execution_memory"),
    metric("input_bytes"),
    metric("input_records"),
    metric("output_bytes"),
    metric("output_records"),
    metric("shuffle_remote_blocks_fetched"),
    metric("shuffle_local_blocks_fetched"),
    metric("shuffle_fetch_wait_time_ms"),
    metric("shuffle_remote_bytes_read"),
    metric("shuffle_remote_bytes_read_to_disk"),
    metric("shuffle_local_bytes_read"),
    metric("shuffle_read_records"),
    metric("shuffle_write_bytes"),
    metric("shuffle_write_time_ns"),
    metric("shuffle_write_records"),
];

/// The sum of what the tasks that ended say in the column of the same name.
pub(crate) const fn metric(name: &'static str) -> Column {
    folded(name, Int, Sum(Ended, name), "Sum over the tasks that ended.")
}
