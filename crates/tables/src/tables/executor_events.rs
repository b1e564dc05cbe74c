//! Executors and block managers that come, go or are excluded.

use stagelight_eventlog::Items;

use crate::column::{
    EVENT,
    Kind::{Int, Json, Text, Time},
    event,
};
use crate::table::Table;

/// See the table's own doc line.
pub(crate) const TABLE: Table = Table {
    name: "executor_events",
    doc: "An executor, its block manager or its node is added, removed or excluded.",
    events: &[
        "SparkListenerExecutorAdded",
        "SparkListenerExecutorRemoved",
        "SparkListenerBlockManagerAdded",
        "SparkListenerBlockManagerRemoved",
        "SparkListenerExecutorExcluded",
        "SparkListenerExecutorUnexcluded",
        "SparkListenerExecutorExcludedForStage",
        "SparkListenerNodeExcluded",
        "SparkListenerNodeUnexcluded",
        "SparkListenerNodeExcludedForStage",
        "SparkListenerExecutorBlacklisted",
        "SparkListenerExecutorUnblacklisted",
        "SparkListenerExecutorBlacklistedForStage",
        "SparkListenerNodeBlacklisted",
        "SparkListenerNodeUnblacklisted",
        "SparkListenerNodeBlacklistedForStage",
    ],
    items: Items::Event,
    columns: &[&[
        EVENT,
        event("time", Time, "Timestamp|time", "When it happened.").moment(),
        event(
            "executor_id",
            Text,
            "Executor ID|Block Manager ID/Executor ID|executorId",
            "The executor; `driver` has a block manager too.",
        ),
        event(
            "host",
            Text,
            "Executor Info/Host|Block Manager ID/Host|hostId",
            "Host of the executor, or the node.",
        ),
        event("port", Int, "Block Manager ID/Port", "Port of the block manager."),
        event("total_cores", Int, "Executor Info/Total Cores", "Cores of the executor."),
        event(
            "resource_profile_id",
            Int,
            "Executor Info/Resource Profile Id",
            "Profile that the executor was made for.",
        ),
        event("registration_time", Time, "Executor Info/Registration Time", "When it registered."),
        event("request_time", Time, "Executor Info/Request Time", "When it was asked for."),
        event("log_urls", Json, "Executor Info/Log Urls", "Where its logs are."),
        event("attributes", Json, "Executor Info/Attributes", "What the cluster says of it."),
        event("resources", Json, "Executor Info/Resources", "GPUs and the like that it has."),
        event("removed_reason", Text, "Removed Reason", "Why the executor was removed."),
        event("max_memory", Int, "Maximum Memory", "Bytes that its block manager may hold."),
        event("max_onheap_memory", Int, "Maximum Onheap Memory", "Of these, on the heap."),
        event("max_offheap_memory", Int, "Maximum Offheap Memory", "Of these, off the heap."),
        event("stage_id", Int, "stageId", "Stage that it is excluded for."),
        event("stage_attempt_id", Int, "stageAttemptId", "Attempt of that stage."),
        event("task_failures", Int, "taskFailures", "Failures that led to the exclusion."),
    ]],
};
