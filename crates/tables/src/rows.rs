//! Lines of a segment into rows of every table that wants them.

use std::convert::Infallible;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::max;
use arrow::datatypes::TimestampMicrosecondType;
use stagelight_eventlog::{
    DecodeError, Decoder, Event, Form, Identity, Layout, Line, Matched, Shapes, Slots, Wanted,
    event_class, event_name,
};
use thiserror::Error;

use crate::builder::{RowContext, RowError, TableBuilder};
use crate::sums::Sums;
use crate::table::Table;
use crate::tables;

/// Longer lines are left to the parser, which looks at what each row repeats of its event. In a
/// shorter one there are not so many items that this could be too much.
const SHAPED_LINE_BYTES: usize = 128 << 10;

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
            Self::Row(RowError::TooMuchText { .. }) => "too_much_text",
        }
    }
}

/// The rows of one segment while it is read.
pub struct Rows {
    targets: Vec<Target>,
    sums: Sums,
    /// The last moment of all batches that were taken, in microseconds.
    last_moment: Option<i64>,
    routes: Vec<Route>,
    others: usize,
    learns: bool,
    /// Lines that needed no parser.
    matched: u64,
    decoder: Decoder,
    slots: Slots<'static>,
    raw: Vec<u8>,
}

/// Where the rows of an event go.
struct Route {
    event: &'static str,
    targets: Vec<usize>,
    shapes: Shapes,
}

struct Target {
    layout: Layout,
    forms: Vec<Form>,
    required: Vec<u16>,
    builder: TableBuilder,
}

impl Rows {
    /// No rows yet of the given segment.
    pub fn new(identity: &Identity, segment: i64) -> Self {
        let targets: Vec<_> = tables::EVENTS
            .iter()
            .map(|table| Target {
                layout: table.layout(),
                forms: table.forms(),
                required: table.required(),
                builder: TableBuilder::new(table, identity.clone(), segment),
            })
            .collect();
        let mut routes: Vec<Route> = Vec::new();
        let mut others = 0;
        for (at, table) in tables::EVENTS.iter().enumerate() {
            for event in table.events {
                match routes.iter_mut().find(|route| route.event == *event) {
                    _ if *event == Table::EVERY_OTHER => others = at,
                    Some(route) => route.targets.push(at),
                    None => {
                        routes.push(Route { event, targets: vec![at], shapes: Shapes::default() })
                    }
                }
            }
        }
        Self {
            targets,
            sums: Sums::new(identity, segment),
            last_moment: None,
            routes,
            others,
            learns: true,
            matched: 0,
            decoder: Decoder::default(),
            slots: Slots::default(),
            raw: Vec::new(),
        }
    }

    /// The same, with every line read by the parser alone: what learned shapes are held against.
    pub fn unlearned(identity: &Identity, segment: i64) -> Self {
        Self { learns: false, ..Self::new(identity, segment) }
    }

    /// Reads one line; returns how many rows it made.
    ///
    /// # Errors
    ///
    /// [`Rejection`] says why the line is bad. Rows that it made all the same stay.
    pub fn push(&mut self, line: &mut Line<'_>) -> Result<u64, Rejection> {
        self.raw.clear();
        let number = i64::try_from(line.number).unwrap_or(i64::MAX);
        let name = event_class(line.bytes()).map(event_name);
        let Some(at) = name.and_then(|name| route(&self.routes, name)) else {
            return self.parse(line, number, true);
        };
        let learns = self.learns && line.bytes().len() <= SHAPED_LINE_BYTES;
        if learns {
            let Route { event, targets, shapes } = &mut self.routes[at];
            if let Some(matched) = shapes.find(line) {
                self.matched += 1;
                return Ok(append_matched(&mut self.targets, targets, number, event, &matched));
            }
        }
        let rows = self.parse(line, number, false)?;
        let Route { targets, shapes, .. } = &mut self.routes[at];
        if learns && self.raw.is_empty() && !shapes.is_done() {
            let wanted: Vec<_> = targets.iter().map(|&at| self.targets[at].wanted()).collect();
            shapes.learn(line.bytes(), &wanted);
        }
        Ok(rows)
    }

    fn parse(&mut self, line: &mut Line<'_>, number: i64, keep: bool) -> Result<u64, Rejection> {
        // Parsing writes over the line where it unescapes, and only there.
        if keep || memchr::memchr(b'\\', line.bytes()).is_some() {
            self.raw.extend_from_slice(line.bytes());
        }
        let Self { targets, routes, others, decoder, slots, raw, .. } = self;
        let slots = std::mem::take(slots);
        let (result, slots) = decoder.decode(line, |event| {
            let mut slots = slots.reuse();
            let result = append(targets, routes, *others, raw, number, event, &mut slots);
            (result, slots.reuse())
        })?;
        self.slots = slots;
        result
    }

    /// Lines that had a learned shape and needed no parser.
    pub fn matched(&self) -> u64 {
        self.matched
    }

    /// The text of the line that [`Rows::push`] was last given, as it was before.
    pub fn raw<'a>(&'a self, line: &'a Line<'_>) -> &'a [u8] {
        if self.raw.is_empty() { line.bytes() } else { &self.raw }
    }

    /// Takes the batches that are large enough to be written.
    pub fn full(&mut self) -> impl Iterator<Item = (&'static Table, RecordBatch)> {
        let batches = self.take(TableBuilder::is_full);
        batches.into_iter().chain(self.sums.full())
    }

    /// Takes all that is left.
    pub fn rest(&mut self) -> impl Iterator<Item = (&'static Table, RecordBatch)> {
        let batches = self.take(|b| b.rows() > 0);
        batches.into_iter().chain(self.sums.rest())
    }

    /// When the last event happened of which the rows were taken, in milliseconds since 1970.
    pub fn last_event_ms(&self) -> Option<i64> {
        self.last_moment.map(|micros| micros / 1000)
    }

    /// Takes the batches of those that are `wanted`, and adds up what is in them.
    fn take(
        &mut self,
        wanted: impl Fn(&TableBuilder) -> bool,
    ) -> Vec<(&'static Table, RecordBatch)> {
        let Self { targets, sums, last_moment, .. } = self;
        let mut batches = Vec::new();
        for Target { builder, .. } in targets.iter_mut().filter(|t| wanted(&t.builder)) {
            let (table, batch) = (builder.table(), builder.take());
            let columns = table.columns().zip(batch.columns());
            for (_, times) in columns.filter(|(column, _)| column.is_moment) {
                *last_moment =
                    max(times.as_primitive::<TimestampMicrosecondType>()).max(*last_moment);
            }
            sums.add(table, &batch);
            batches.push((table, batch));
        }
        batches
    }
}

impl Target {
    fn wanted(&self) -> Wanted<'_> {
        Wanted { layout: &self.layout, forms: &self.forms, required: &self.required }
    }
}

/// Few events, most of them told apart by their length: as quick as a hash.
fn route(routes: &[Route], event: &str) -> Option<usize> {
    routes.iter().position(|route| route.event == event)
}

fn append_matched(
    targets: &mut [Target],
    route: &[usize],
    line: i64,
    event: &str,
    matched: &Matched<'_>,
) -> u64 {
    let context = RowContext { line, event, raw: "" };
    let rows = route
        .iter()
        .enumerate()
        .map(|(table, &at)| targets[at].builder.append_matched(context, matched, table) as u64);
    rows.sum()
}

fn append<'a>(
    targets: &mut [Target],
    routes: &[Route],
    others: usize,
    raw: &[u8],
    line: i64,
    event: Event<'a>,
    slots: &mut Slots<'a>,
) -> Result<u64, Rejection> {
    let name = event_name(event.class().ok_or(Rejection::NoEvent)?);
    let route = match route(routes, name) {
        Some(at) => &routes[at].targets,
        None => std::slice::from_ref(&others),
    };
    let raw = std::str::from_utf8(raw).unwrap_or_default();
    let context = RowContext { line, event: name, raw };
    let mut rows = 0;
    let mut bad = None;
    for &at in route {
        let Target { layout, builder, .. } = &mut targets[at];
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
