//! End of tasks: most of a log.

use stagelight_eventlog::Items;

use crate::column::{
    Column,
    Kind::{Bool, Int, Present, Text, Time},
    event,
};
use crate::table::Table;
use crate::tables::task_starts::TASK;

/// See the table's own doc line.
pub(crate) const TABLE: Table = Table {
    name: "task_ends",
    doc: "End of a task, with its metrics and the reason that it ended for.",
    events: &["SparkListenerTaskEnd"],
    items: Items::Event,
    columns: &[TASK, ENDS],
};

const ENDS: &[Column] = &[
    event(
        "getting_result_time",
        Time,
        "Task Info/Getting Result Time",
        "When fetching its result began, 0 if it came inline.",
    ),
    event("finish_time", Time, "Task Info/Finish Time", "When it finished.").moment(),
    event("failed", Bool, "Task Info/Failed", "Whether it failed."),
    event("killed", Bool, "Task Info/Killed", "Whether it was killed."),
    event("task_type", Text, "Task Type", "`ShuffleMapTask` or `ResultTask`."),
    event(
        "end_reason",
        Text,
        "Task End Reason/Reason",
        "`Success`, or the class of the reason that it failed.",
    ),
    event("class_name", Text, "Task End Reason/Class Name", "Class of the exception."),
    event("error_description", Text, "Task End Reason/Description", "Message of the exception."),
    event(
        "stack_trace",
        Text,
        "Task End Reason/Full Stack Trace",
        "The exception with its stack and causes.",
    ),
    event("kill_reason", Text, "Task End Reason/Kill Reason", "Why it was killed."),
    event("loss_reason", Text, "Task End Reason/Loss Reason", "How its executor was lost."),
    event(
        "exit_caused_by_app",
        Bool,
        "Task End Reason/Exit Caused By App",
        "Whether the application is to blame for that.",
    ),
    event("fetch_message", Text, "Task End Reason/Message", "What a failed fetch says."),
    event(
        "fetch_executor_id",
        Text,
        "Task End Reason/Block Manager Address/Executor ID",
        "Executor whose block could not be fetched.",
    ),
    event(
        "fetch_host",
        Text,
        "Task End Reason/Block Manager Address/Host",
        "Host of that executor.",
    ),
    event(
        "fetch_port",
        Int,
        "Task End Reason/Block Manager Address/Port",
        "Port of its block manager.",
    ),
    event("shuffle_id", Int, "Task End Reason/Shuffle ID", "Shuffle of a failed fetch."),
    event("map_id", Int, "Task End Reason/Map ID", "Map task of a failed fetch."),
    event("map_index", Int, "Task End Reason/Map Index", "Index of that map task."),
    event("reduce_id", Int, "Task End Reason/Reduce ID", "Partition of a failed fetch."),
    event("commit_job_id", Int, "Task End Reason/Job ID", "Job of a denied commit."),
    event(
        "commit_partition_id",
        Int,
        "Task End Reason/Partition ID",
        "Partition of a denied commit.",
    ),
    event(
        "commit_attempt_number",
        Int,
        "Task End Reason/Attempt Number",
        "Attempt of a denied commit.",
    ),
    event("has_metrics", Present, "Task Metrics", "Whether the task sent metrics."),
    event(
        "peak_jvm_heap_memory",
        Int,
        "Task Executor Metrics/JVMHeapMemory",
        "Bytes of the executor's heap at their peak while it ran; -1 if no peaks were measured.",
    ),
    event(
        "executor_deserialize_time_ms",
        Int,
        "Task Metrics/Executor Deserialize Time",
        "Time to deserialise the task.",
    ),
    event(
        "executor_deserialize_cpu_time_ns",
        Int,
        "Task Metrics/Executor Deserialize CPU Time",
        "CPU time to deserialise the task.",
    ),
    event(
        "executor_run_time_ms",
        Int,
        "Task Metrics/Executor Run Time",
        "Time that it ran, fetching included.",
    ),
    event("executor_cpu_time_ns", Int, "Task Metrics/Executor CPU Time", "CPU time that it ran."),
    event(
        "peak_execution_memory",
        Int,
        "Task Metrics/Peak Execution Memory",
        "Peak bytes of shuffles, aggregations and joins.",
    ),
    event("result_size", Int, "Task Metrics/Result Size", "Bytes sent to the driver."),
    event(
        "jvm_gc_time_ms",
        Int,
        "Task Metrics/JVM GC Time",
        "Time that the JVM collected garbage.",
    ),
    event(
        "result_serialization_time_ms",
        Int,
        "Task Metrics/Result Serialization Time",
        "Time to serialise the result.",
    ),
    event(
        "memory_bytes_spilled",
        Int,
        "Task Metrics/Memory Bytes Spilled",
        "Bytes in memory of what was spilled.",
    ),
    event(
        "disk_bytes_spilled",
        Int,
        "Task Metrics/Disk Bytes Spilled",
        "Bytes on disk of what was spilled.",
    ),
    event("input_bytes", Int, "Task Metrics/Input Metrics/Bytes Read", "Bytes read from storage."),
    event(
        "input_records",
        Int,
        "Task Metrics/Input Metrics/Records Read",
        "Records read from storage.",
    ),
    event(
        "output_bytes",
        Int,
        "Task Metrics/Output Metrics/Bytes Written",
        "Bytes written to storage.",
    ),
    event(
        "output_records",
        Int,
        "Task Metrics/Output Metrics/Records Written",
        "Records written to storage.",
    ),
    event(
        "shuffle_remote_blocks_fetched",
        Int,
        "Task Metrics/Shuffle Read Metrics/Remote Blocks Fetched",
        "Blocks from other executors.",
    ),
    event(
        "shuffle_local_blocks_fetched",
        Int,
        "Task Metrics/Shuffle Read Metrics/Local Blocks Fetched",
        "Blocks from its own executor.",
    ),
    event(
        "shuffle_fetch_wait_time_ms",
        Int,
        "Task Metrics/Shuffle Read Metrics/Fetch Wait Time",
        "Time that it waited for blocks.",
    ),
    event(
        "shuffle_remote_bytes_read",
        Int,
        "Task Metrics/Shuffle Read Metrics/Remote Bytes Read",
        "Bytes from other executors.",
    ),
    event(
        "shuffle_remote_bytes_read_to_disk",
        Int,
        "Task Metrics/Shuffle Read Metrics/Remote Bytes Read To Disk",
        "Of these, fetched to disk.",
    ),
    event(
        "shuffle_local_bytes_read",
        Int,
        "Task Metrics/Shuffle Read Metrics/Local Bytes Read",
        "Bytes from its own executor.",
    ),
    event(
        "shuffle_read_records",
        Int,
        "Task Metrics/Shuffle Read Metrics/Total Records Read",
        "Records read from shuffles.",
    ),
    event(
        "shuffle_remote_reqs_duration_ms",
        Int,
        "Task Metrics/Shuffle Read Metrics/Remote Requests Duration",
        "Time that requests for blocks took.",
    ),
    event(
        "shuffle_write_bytes",
        Int,
        "Task Metrics/Shuffle Write Metrics/Shuffle Bytes Written",
        "Bytes written to the shuffle.",
    ),
    event(
        "shuffle_write_time_ns",
        Int,
        "Task Metrics/Shuffle Write Metrics/Shuffle Write Time",
        "Time that it blocked on writing them.",
    ),
    event(
        "shuffle_write_records",
        Int,
        "Task Metrics/Shuffle Write Metrics/Shuffle Records Written",
        "Records written to the shuffle.",
    ),
];
