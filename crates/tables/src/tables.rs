//! The tables of the lake, one file each.

pub(crate) mod accumulator_updates;
pub(crate) mod application_events;
pub(crate) mod application_totals;
pub(crate) mod block_events;
pub(crate) mod environment_entries;
pub(crate) mod executor_events;
pub(crate) mod executor_metrics;
pub(crate) mod executor_sums;
pub(crate) mod job_events;
pub(crate) mod other_events;
pub(crate) mod quarantine;
pub(crate) mod resource_requests;
pub(crate) mod sources;
pub(crate) mod sql_driver_updates;
pub(crate) mod sql_events;
pub(crate) mod sql_plan_edges;
pub(crate) mod sql_plan_metrics;
pub(crate) mod sql_plan_nodes;
pub(crate) mod stage_events;
pub(crate) mod stage_sums;
pub(crate) mod streaming_durations;
pub(crate) mod streaming_events;
pub(crate) mod streaming_sources;
pub(crate) mod streaming_state_operators;
pub(crate) mod task_accumulables;
pub(crate) mod task_ends;
pub(crate) mod task_starts;

use crate::table::Table;

/// Every table whose rows are events.
pub static EVENTS: [&Table; 22] = [
    &accumulator_updates::TABLE,
    &application_events::TABLE,
    &block_events::TABLE,
    &environment_entries::TABLE,
    &executor_events::TABLE,
    &executor_metrics::TABLE,
    &job_events::TABLE,
    &other_events::TABLE,
    &resource_requests::TABLE,
    &sql_driver_updates::TABLE,
    &sql_events::TABLE,
    &sql_plan_edges::TABLE,
    &sql_plan_metrics::TABLE,
    &sql_plan_nodes::TABLE,
    &stage_events::TABLE,
    &streaming_durations::TABLE,
    &streaming_events::TABLE,
    &streaming_sources::TABLE,
    &streaming_state_operators::TABLE,
    &task_accumulables::TABLE,
    &task_ends::TABLE,
    &task_starts::TABLE,
];

/// Every table whose rows are what tasks add up to.
pub static SUMS: [&Table; 2] = [&executor_sums::TABLE, &stage_sums::TABLE];

/// What `maintain` makes of the others, application by application.
pub static APPLICATION_TOTALS: &Table = &application_totals::TABLE;

/// What could not be read.
pub static QUARANTINE: &Table = &quarantine::TABLE;

/// The ledger of what is in the lake.
pub static SOURCES: &Table = &sources::TABLE;

/// Every table of the lake, the ledger last.
pub fn all() -> impl Iterator<Item = &'static Table> {
    EVENTS.into_iter().chain(SUMS).chain([APPLICATION_TOTALS, QUARANTINE, SOURCES])
}
