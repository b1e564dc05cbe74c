//! Peaks of memory and garbage collection.

use stagelight_eventlog::Items;

use crate::column::{
    Column, EVENT,
    Kind::{Int, Text},
    event, item,
};
use crate::table::Table;

/// See the table's own doc line.
pub(crate) const TABLE: Table = Table {
    name: "executor_metrics",
    doc: "Peaks of an executor's memory and garbage collection, as a heartbeat, the end of a task or \
          the end of a stage reports them. Reports of zeros are left out.",
    events: &[
        "SparkListenerExecutorMetricsUpdate",
        "SparkListenerStageExecutorMetrics",
        "SparkListenerTaskEnd",
    ],
    items: Items::ElementsOrEvent(&["Executor Metrics Updated"]),
    columns: &[
        &[
            EVENT,
            event("executor_id", Text, "Executor ID|Task Info/Executor ID", "The executor."),
            item("stage_id", Int, "Stage ID", "The stage meanwhile; -1 for all, of the driver."),
            item("stage_attempt_id", Int, "Stage Attempt ID", "Its attempt; -1 for all."),
        ],
        PEAKS,
    ],
};

macro_rules! peak {
    ($name:literal, $metric:literal, $doc:literal) => {
        item(
            $name,
            Int,
            concat!("Executor Metrics/", $metric, "|Task Executor Metrics/", $metric),
            $doc,
        )
        .measure()
    };
}

/// Spark: `ExecutorMetricType`.
const PEAKS: &[Column] = &[
    peak!("jvm_heap_memory", "JVMHeapMemory", "Bytes of the JVM's heap."),
    peak!("jvm_off_heap_memory", "JVMOffHeapMemory", "Bytes of the JVM off the heap."),
    peak!("on_heap_execution_memory", "OnHeapExecutionMemory", "Bytes on the heap for execution."),
    peak!(
        "off_heap_execution_memory",
        "OffHeapExecutionMemory",
        "Bytes off the heap for execution."
    ),
    peak!("on_heap_storage_memory", "OnHeapStorageMemory", "Bytes on the heap for storage."),
    peak!("off_heap_storage_memory", "OffHeapStorageMemory", "Bytes off the heap for storage."),
    peak!(
        "on_heap_unified_memory",
        "OnHeapUnifiedMemory",
        "Bytes on the heap for execution and storage."
    ),
    peak!(
        "off_heap_unified_memory",
        "OffHeapUnifiedMemory",
        "Bytes off the heap for execution and storage."
    ),
    peak!("direct_pool_memory", "DirectPoolMemory", "Bytes of direct buffers."),
    peak!("mapped_pool_memory", "MappedPoolMemory", "Bytes of mapped buffers."),
    peak!(
        "process_tree_jvm_v_memory",
        "ProcessTreeJVMVMemory",
        "Virtual bytes of the JVM's process."
    ),
    peak!(
        "process_tree_jvm_rss_memory",
        "ProcessTreeJVMRSSMemory",
        "Resident bytes of the JVM's process."
    ),
    peak!(
        "process_tree_python_v_memory",
        "ProcessTreePythonVMemory",
        "Virtual bytes of Python's processes."
    ),
    peak!(
        "process_tree_python_rss_memory",
        "ProcessTreePythonRSSMemory",
        "Resident bytes of Python's processes."
    ),
    peak!(
        "process_tree_other_v_memory",
        "ProcessTreeOtherVMemory",
        "Virtual bytes of other processes."
    ),
    peak!(
        "process_tree_other_rss_memory",
        "ProcessTreeOtherRSSMemory",
        "Resident bytes of other processes."
    ),
    peak!("minor_gc_count", "MinorGCCount", "Minor collections."),
    peak!("minor_gc_time_ms", "MinorGCTime", "Time of minor collections."),
    peak!("major_gc_count", "MajorGCCount", "Major collections."),
    peak!("major_gc_time_ms", "MajorGCTime", "Time of major collections."),
    peak!("total_gc_time_ms", "TotalGCTime", "Time of all collections."),
    peak!("concurrent_gc_count", "ConcurrentGCCount", "Concurrent collections."),
    peak!("concurrent_gc_time_ms", "ConcurrentGCTime", "Time of concurrent collections."),
];
