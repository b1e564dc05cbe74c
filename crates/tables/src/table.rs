//! The declaration of a table and what follows from it.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use stagelight_eventlog::{Form, Items, Layout, Slot};

use crate::column::{Column, IDENTITY, Kind, LINE, Role, Source};
use crate::tables::APPLICATION_TOTALS;

/// One table of the lake.
#[derive(Debug)]
pub struct Table {
    /// Name of the table and of its folder in the lake.
    pub name: &'static str,
    /// What a row is.
    pub doc: &'static str,
    /// Names of the events that make rows; [`Table::EVERY_OTHER`] for those that no table names.
    pub events: &'static [&'static str],
    /// What of an event makes a row.
    pub items: Items,
    /// The columns behind `app_id`, `attempt_id`, but in a rollup `segment`, and, where rows are of
    /// events, `line`.
    /// In groups, so that tables can share some.
    pub columns: &'static [&'static [Column]],
}

impl Table {
    /// Stands in [`Table::events`] for every event that no other table names.
    pub const EVERY_OTHER: &'static str = "*";

    /// All columns, in order.
    pub fn columns(&self) -> impl Iterator<Item = Column> {
        let line = (!self.events.is_empty()).then_some(LINE);
        let identity = if self.is_rollup() { 2 } else { IDENTITY.len() };
        IDENTITY.into_iter().take(identity).chain(line).chain(self.own_columns())
    }

    /// Whether a row is of a whole application attempt, made of rows of other tables.
    pub fn is_rollup(&self) -> bool {
        self.name == APPLICATION_TOTALS.name
    }

    /// The Arrow schema of the table's files.
    pub fn schema(&self) -> SchemaRef {
        Arc::new(Schema::new(self.columns().map(|c| c.field()).collect::<Vec<_>>()))
    }

    /// The layout whose slots are the columns that come from events, in order.
    pub fn layout(&self) -> Layout {
        Layout::new(self.items, self.event_columns().map(|(_, slot)| slot))
    }

    /// The form of each of these slots.
    pub fn forms(&self) -> Vec<Form> {
        self.event_columns().map(|(kind, _)| kind.form()).collect()
    }

    /// The slots without which an event is bad.
    pub fn required(&self) -> Vec<u16> {
        let slots = self.own_columns().filter(|c| matches!(c.source, Source::Event(_)));
        (0..).zip(slots).filter(|(_, c)| c.role == Role::Required).map(|(slot, _)| slot).collect()
    }

    fn event_columns(&self) -> impl Iterator<Item = (Kind, Slot)> {
        self.own_columns().filter_map(|c| match c.source {
            Source::Event(slot) => Some((c.kind, slot)),
            Source::Context(_) | Source::Given | Source::Folded(_) => None,
        })
    }

    fn own_columns(&self) -> impl Iterator<Item = Column> {
        self.columns.iter().copied().flatten().copied()
    }
}
