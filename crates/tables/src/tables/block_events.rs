//! Blocks that executors hold.

use stagelight_eventlog::Items;

use crate::column::{
    EVENT,
    Kind::{Bool, Int, Text},
    event,
};
use crate::table::Table;

/// See the table's own doc line.
pub(crate) const TABLE: Table = Table {
    name: "block_events",
    doc: "A block that an executor stores, moves or drops, or an RDD that is not cached any more.",
    events: &["SparkListenerBlockUpdated", "SparkListenerUnpersistRDD"],
    items: Items::Event,
    columns: &[&[
        EVENT,
        event(
            "executor_id",
            Text,
            "Block Updated Info/Block Manager ID/Executor ID",
            "The executor that holds the block.",
        ),
        event("host", Text, "Block Updated Info/Block Manager ID/Host", "Its host."),
        event("port", Int, "Block Updated Info/Block Manager ID/Port", "Its port."),
        event("block_id", Text, "Block Updated Info/Block ID", "The block, `rdd_97_0` for one."),
        event("use_disk", Bool, "Block Updated Info/Storage Level/Use Disk", "Whether on disk."),
        event(
            "use_memory",
            Bool,
            "Block Updated Info/Storage Level/Use Memory",
            "Whether in memory; if on disk neither, it is dropped.",
        ),
        event(
            "use_off_heap",
            Bool,
            "Block Updated Info/Storage Level/Use Off Heap",
            "Whether off the heap.",
        ),
        event(
            "deserialized",
            Bool,
            "Block Updated Info/Storage Level/Deserialized",
            "Whether as objects.",
        ),
        event("replication", Int, "Block Updated Info/Storage Level/Replication", "Copies."),
        event("memory_bytes", Int, "Block Updated Info/Memory Size", "Its size in memory."),
        event("disk_bytes", Int, "Block Updated Info/Disk Size", "Its size on disk."),
        event("rdd_id", Int, "RDD ID", "The RDD of SparkListenerUnpersistRDD."),
    ]],
};
