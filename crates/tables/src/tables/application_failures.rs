//! How often an application failed, and why.

use stagelight_eventlog::Items;

use crate::column::{
    Kind::{Int, Text},
    given,
};
use crate::table::Table;

/// See the table's own doc line.
pub(crate) const TABLE: Table = Table {
    name: "application_failures",
    doc: "How many failures of a kind an application attempt has for a class of causes, as of when \
          `maintain` rolled it up last.",
    events: &[],
    items: Items::Event,
    columns: &[&[
        given("kind", Text, "What failed, as in view `failures`."),
        given("cause_class", Text, "The class of the cause, as in view `failures`."),
        given("failures", Int, "How many there are."),
    ]],
};
