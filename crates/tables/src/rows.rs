//! Lines of a segment into rows of every table that wants them.

use std::collections::HashMap;
use std::convert::Infallible;

use arrow::array::RecordBatch;
use stagelight_eventlog::{
    DecodeError, Decoder, Event, Identity, Layout, Line, Slots, event_class, event_name,
};
use thiserror::Error;

use crate::builder::{RowContext, RowError, TableBuilder};
use crate::table::Table;
use crate::tables;

/// Why a line makes no row, or not all that it should.
#[derive(Debug, Error)]
pub enum Rejection {
    /// It is not JSON, or no object.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// It is an object without the field `Event`.
    #[error("no field Event")]
    NoEvent,
    /// A value is missing or of another type.
    #[error(transparent)]
    Row(#[from] RowError),
}

impl Rejection {
    /// A short name of the reason, the same for every line that it holds for.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Decode(_) => "not_json",
            Self::NoEvent => "no_event",
            Self::Row(RowError::Missing { .. }) => "missing_field",
            Self::Row(RowError::Type { .. }) => "wrong_type",
        }
    }
}

/// The rows of one segment while it is read.
pub struct Rows {
    targets: Vec<Target>,
    routes: HashMap<&'static str, Vec<usize>>,
    others: usize,
    decoder: Decoder,
    slots: Slots<'static>,
    raw: Vec<u8>,
}

struct Target {
    layout: Layout,
    builder: TableBuilder,
}

impl Rows {
    /// No rows yet of the given segment.
    pub fn new(identity: &Identity, segment: i64) -> Self {
        let targets: Vec<_> = tables::EVENTS
            .iter()
            .map(|table| Target {
                layout: table.layout(),
                builder: TableBuilder::new(table, identity.clone(), segment),
            })
            .collect();
        let mut routes: HashMap<_, Vec<_>> = HashMap::new();
        for (at, table) in tables::EVENTS.iter().enumerate() {
            for event in table.events {
                routes.entry(*event).or_default().push(at);
            }
        }
        let others = routes.remove(Table::EVERY_OTHER).map_or(0, |targets| targets[0]);
        Self {
            targets,
            routes,
            others,
            decoder: Decoder::default(),
            slots: Slots::default(),
            raw: Vec::new(),
        }
    }

    /// Reads one line; returns how many rows it made.
    ///
    /// # Errors
    ///
    /// [`Rejection`] says why the line is bad. Rows that it made all the same stay.
    pub fn push(&mut self, line: &mut Line<'_>) -> Result<u64, Rejection> {
        let number = i64::try_from(line.number).unwrap_or(i64::MAX);
        // Parsing writes over the line where it unescapes, and only there.
        let routed = event_class(line.bytes()).is_some_and(|class| self.is_routed(class));
        self.raw.clear();
        if !routed || memchr::memchr(b'\\', line.bytes()).is_some() {
            self.raw.extend_from_slice(line.bytes());
        }
        let Self { targets, routes, others, decoder, slots, raw } = self;
        let slots = std::mem::take(slots);
        let (result, slots) = decoder.decode(line, |event| {
            let mut slots = slots.reuse();
            let result = append(targets, routes, *others, raw, number, event, &mut slots);
            (result, slots.reuse())
        })?;
        self.slots = slots;
        result
    }

    /// The text of the line that [`Rows::push`] was last given, as it was before.
    pub fn raw<'a>(&'a self, line: &'a Line<'_>) -> &'a [u8] {
        if self.raw.is_empty() { line.bytes() } else { &self.raw }
    }

    /// Takes the batches that are large enough to be written.
    pub fn full(&mut self) -> impl Iterator<Item = (&'static Table, RecordBatch)> {
        self.take(TableBuilder::is_full)
    }

    /// Takes all that is left.
    pub fn rest(&mut self) -> impl Iterator<Item = (&'static Table, RecordBatch)> {
        self.take(|b| b.rows() > 0)
    }

    fn take(
        &mut self,
        wanted: impl Fn(&TableBuilder) -> bool,
    ) -> impl Iterator<Item = (&'static Table, RecordBatch)> {
        self.targets
            .iter_mut()
            .filter(move |t| wanted(&t.builder))
            .map(|t| (t.builder.table(), t.builder.take()))
    }

    fn is_routed(&self, class: &str) -> bool {
        self.routes.contains_key(event_name(class))
    }
}

fn append<'a>(
    targets: &mut [Target],
    routes: &HashMap<&'static str, Vec<usize>>,
    others: usize,
    raw: &[u8],
    line: i64,
    event: Event<'a>,
    slots: &mut Slots<'a>,
) -> Result<u64, Rejection> {
    let name = event_name(event.class().ok_or(Rejection::NoEvent)?);
    let route = routes.get(name).map_or(std::slice::from_ref(&others), Vec::as_slice);
    let raw = std::str::from_utf8(raw).unwrap_or_default();
    let context = RowContext { line, event: name, raw };
    let mut rows = 0;
    let mut bad = None;
    for &at in route {
        let Target { layout, builder } = &mut targets[at];
        let walked = event.rows(layout, slots, |values| {
            // A bad item does not take the good ones behind it with it.
            match builder.append(context, values) {
                Ok(appended) => rows += u64::from(appended),
                Err(error) => bad = bad.take().or(Some(error)),
            }
            Ok::<_, Infallible>(())
        });
        let Ok(()) = walked;
    }
    bad.map_or(Ok(rows), |error| Err(error.into()))
}
