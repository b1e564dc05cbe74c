//! The tables of the lake, one file each.

pub(crate) mod application_events;
pub(crate) mod environment_entries;
pub(crate) mod executor_events;
pub(crate) mod job_events;
pub(crate) mod other_events;
pub(crate) mod quarantine;
pub(crate) mod resource_requests;
pub(crate) mod sources;
pub(crate) mod sql_events;
pub(crate) mod stage_events;
pub(crate) mod task_ends;
pub(crate) mod task_starts;

use crate::table::Table;

/// Every table whose rows are events.
pub static EVENTS: [&Table; 10] = [
    &application_events::TABLE,
    &environment_entries::TABLE,
    &executor_events::TABLE,
    &job_events::TABLE,
    &other_events::TABLE,
    &resource_requests::TABLE,
    &sql_events::TABLE,
    &stage_events::TABLE,
    &task_ends::TABLE,
    &task_starts::TABLE,
];

/// What could not be read.
pub static QUARANTINE: &Table = &quarantine::TABLE;

/// The ledger of what is in the lake.
pub static SOURCES: &Table = &sources::TABLE;

/// Every table of the lake, the ledger last.
pub fn all() -> impl Iterator<Item = &'static Table> {
    EVENTS.into_iter().chain([QUARANTINE, SOURCES])
}
