//! The ledger.

use stagelight_eventlog::Items;

use crate::column::{
    Kind::{Int, Text, Time},
    given,
};
use crate::table::Table;

/// See the table's own doc line.
pub(crate) const TABLE: Table = Table {
    name: "sources",
    doc: "The ledger: a segment that is in the lake, committed after all its rows.",
    events: &[],
    items: Items::Event,
    columns: &[&[
        given("uri", Text, "Where the segment was read from."),
        given(
            "etag",
            Text,
            "Its ETag; of a local file, made from size and modification time. `unread:` stands \
             before it where reading may go better another time.",
        ),
        given("size", Int, "Its size in bytes, compressed."),
        given("modified_at", Time, "When its bytes were last changed."),
        given(
            "layout",
            Text,
            "Whether it is a `single` file, one of a `rolling` log, `compacted` out of several of \
             these, or `dated`.",
        ),
        given("codec", Text, "How it is compressed."),
        given("events", Int, "Events that were read."),
        given("rows", Int, "Rows that they made in all tables."),
        given("bytes_uncompressed", Int, "Its size in bytes, decompressed."),
        given("quarantined", Int, "Rows of it in quarantine."),
        given("ingested_at", Time, "When it was read."),
        given(
            "last_event_time",
            Time,
            "When the last of its events happened: starts and ends of applications, jobs, stages, \
             executors, tasks, SQL executions and streaming queries.",
        ),
    ]],
};
