//! What could not be read.

use stagelight_eventlog::Items;

use crate::column::{
    Kind::{Int, Text, Time},
    given,
};
use crate::table::Table;

/// See the table's own doc line.
pub(crate) const TABLE: Table = Table {
    name: "quarantine",
    doc: "A line or a file that could not be read, and why.",
    events: &[],
    items: Items::Event,
    columns: &[&[
        given("source", Text, "Where the file was read from."),
        given("segment_path", Text, "The file's name and the folder that it is in."),
        given("line", Int, "Number of the line, from 1; NULL for the whole file."),
        given("byte_offset", Int, "Where the line begins in the decompressed file."),
        given("reason", Text, "The kind of damage."),
        given("detail", Text, "What exactly is wrong."),
        given("raw", Text, "The beginning of the line."),
        given("seen_at", Time, "When it was read."),
    ]],
};
