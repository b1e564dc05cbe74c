//! Rows of one table, appended column by column.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::buffer::{Buffer, OffsetBuffer};
use arrow::datatypes::SchemaRef;
use stagelight_eventlog::{Identity, Matched, Sink, Value};
use thiserror::Error;

use crate::block::{Block, BlockRow};
use crate::column::{Column, Context, Kind, Role, Source};
use crate::table::Table;
use crate::values::{Values, micros, text};

/// A batch is taken when it has this many rows,
const BATCH_ROWS: usize = 8192;
/// or about this many bytes of text.
const BATCH_TEXT_BYTES: usize = 8 << 20;

/// The rows of one line may have about this many: what an event has once, each of its items repeats.
const LINE_TEXT_BYTES: usize = 512 << 20;

/// Why an event cannot become a row.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum RowError {
    /// A field without which the event says nothing is not there.
    #[error("no value for {column} of {table}")]
    Missing {
        /// The table that the row is for.
        table: &'static str,
        /// The column that must have a value.
        column: &'static str,
    },
    /// A field has a value of another type.
    #[error("{column} of {table} cannot be {found}")]
    Type {
        /// The table that the row is for.
        table: &'static str,
        /// The column that the value is for.
        column: &'static str,
        /// What stands there instead.
        found: &'static str,
    },
    /// The event has so many items that repeat so much of it that not all can be rows.
    #[error("the text of its rows of {table} is more than 512 MiB")]
    TooMuchText {
        /// The table that the rows are for.
        table: &'static str,
    },
}

/// What is known about a row besides its values.
#[derive(Clone, Copy, Debug)]
pub struct RowContext<'a> {
    /// Number of the line, from 1.
    pub line: i64,
    /// Name of the event.
    pub event: &'a str,
    /// The line, where it is kept.
    pub raw: &'a str,
}

/// Builds the rows of one table for one segment.
pub struct TableBuilder {
    table: &'static Table,
    schema: SchemaRef,
    identity: Identity,
    segment: i64,
    /// The columns that take slots, in the order of the slots.
    columns: Vec<ColumnBuilder>,
    /// The columns that differ from row to row and take none.
    context: Vec<(Context, Values)>,
    /// The integers of the last rows, which `columns` do not have yet.
    block: Block,
    /// Slots of which one must say something.
    measures: Vec<usize>,
    rows: usize,
    text_bytes: usize,
}

struct ColumnBuilder {
    column: Column,
    values: Values,
}

impl TableBuilder {
    /// An empty builder of `table` for the given segment of an application attempt.
    pub fn new(table: &'static Table, identity: Identity, segment: i64) -> Self {
        let mut columns = Vec::new();
        let mut context = Vec::new();
        for column in table.columns() {
            let values = Values::new(column.kind);
            match column.source {
                Source::Context(Context::AppId | Context::AttemptId | Context::Segment) => {}
                Source::Context(of) => context.push((of, values)),
                Source::Event(_) | Source::Given | Source::Folded(_) => {
                    columns.push(ColumnBuilder { column, values });
                }
            }
        }
        let slots = columns.iter().enumerate();
        let measures = slots.filter(|(_, builder)| builder.column.role == Role::Measure);
        let measures = measures.map(|(slot, _)| slot).collect();
        Self {
            table,
            schema: table.schema(),
            identity,
            segment,
            block: Block::new(columns.len()),
            columns,
            context,
            measures,
            rows: 0,
            text_bytes: 0,
        }
    }

    /// The table that is built.
    pub fn table(&self) -> &'static Table {
        self.table
    }

    /// Rows that wait to be taken.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Whether so much waits to be taken that it should be.
    pub fn is_full(&self) -> bool {
        self.rows >= BATCH_ROWS || self.text_bytes >= BATCH_TEXT_BYTES
    }

    /// Appends a row, or nothing where a value does not fit; returns whether there was one to
    /// append.
    ///
    /// # Errors
    ///
    /// [`RowError`] names the column whose value is missing or of another type, or says that the rows
    /// of a line are too much.
    pub fn append(
        &mut self,
        context: RowContext<'_>,
        slots: &[Value<'_>],
    ) -> Result<bool, RowError> {
        for (builder, value) in self.columns.iter().zip(slots) {
            builder.check(self.table, *value)?;
        }
        if self.text_bytes > LINE_TEXT_BYTES {
            return Err(RowError::TooMuchText { table: self.table.name });
        }
        if !self.says_something(|slot| slots[slot]) {
            return Ok(false);
        }
        self.flush();
        for (builder, value) in self.columns.iter_mut().zip(slots) {
            self.text_bytes += builder.values.put(self.rows, *value);
        }
        self.append_context(context, 1);
        Ok(true)
    }

    /// Appends the rows that a line has which has a learned shape; returns how many. The table is
    /// the one with this number among those that the shape was learned for.
    ///
    /// What can be wrong with a value is the same for every line of a shape, and a line that
    /// something was wrong with teaches none.
    pub(crate) fn append_matched(
        &mut self,
        context: RowContext<'_>,
        matched: &Matched<'_>,
        table: usize,
    ) -> usize {
        let event = matched.event(table);
        let before = self.rows;
        let Some(mut items) = matched.items(table) else {
            if self.says_something(|slot| event.value(slot)) {
                event.give(&mut self.row_behind(0));
                self.append_context(context, 1);
            }
            return self.rows - before;
        };
        loop {
            let mut rows = 0;
            for item in items.by_ref() {
                if self.says_something(|slot| item.value(slot)) {
                    item.give(&mut self.row_behind(rows));
                    rows += 1;
                    if self.block.is_full() {
                        break;
                    }
                }
            }
            if rows == 0 {
                return self.rows - before;
            }
            event.give(&mut RowsOfEvent { rows, builder: self });
            self.append_context(context, rows);
        }
    }

    /// The row behind the last one and `rows` that are not counted yet.
    #[inline(always)]
    fn row_behind(&mut self, rows: usize) -> Row<'_> {
        if self.block.is_full() {
            self.flush();
        }
        let Self { columns, block, text_bytes, .. } = self;
        Row { row: self.rows + rows, integers: block.add(), columns, text_bytes }
    }

    /// Appends what the block has to the columns.
    fn flush(&mut self) {
        let first = self.rows - self.block.rows();
        self.block.flush(first, self.columns.iter_mut().map(|builder| &mut builder.values));
    }

    fn append_context(&mut self, context: RowContext<'_>, rows: usize) {
        for (of, values) in &mut self.context {
            let value = match of {
                Context::Line => Value::Int(context.line),
                Context::EventName => Value::Text(context.event),
                Context::Raw => Value::Text(context.raw),
                Context::AppId | Context::AttemptId | Context::Segment => continue,
            };
            self.text_bytes += values.put_n(self.rows, value, rows);
        }
        self.rows += rows;
    }

    /// Whether a row is worth keeping: what it measures is not all zero.
    fn says_something<'a>(&self, value: impl Fn(usize) -> Value<'a>) -> bool {
        let said = |slot: &usize| match value(*slot) {
            Value::Missing | Value::Null => false,
            Value::Int(n) => n > 0,
            // Whatever it is, it is not left out in silence.
            _ => true,
        };
        self.measures.is_empty() || self.measures.iter().any(said)
    }

    /// Takes the rows that were appended.
    pub fn take(&mut self) -> RecordBatch {
        self.flush();
        let rows = std::mem::take(&mut self.rows);
        self.text_bytes = 0;
        let identity = &self.identity;
        let mut columns = self.columns.iter_mut();
        let mut context = self.context.iter_mut();
        let arrays = self.table.columns().map(|column| match column.source {
            Source::Context(Context::AppId) => repeated(&identity.app_id, rows),
            Source::Context(Context::AttemptId) => {
                repeated(identity.attempt_id.as_deref().unwrap_or(""), rows)
            }
            Source::Context(Context::Segment) => {
                Arc::new(Int64Array::from_value(self.segment, rows)) as ArrayRef
            }
            Source::Context(_) => {
                context.next().expect("a builder has its table's columns").1.finish(rows)
            }
            Source::Event(_) | Source::Given | Source::Folded(_) => {
                columns.next().expect("a builder has its table's columns").values.finish(rows)
            }
        });
        RecordBatch::try_new(Arc::clone(&self.schema), arrays.collect())
            .expect("builders and schema come from the same columns")
    }
}

/// Takes the values of one row.
struct Row<'a> {
    row: usize,
    integers: BlockRow<'a>,
    columns: &'a mut [ColumnBuilder],
    text_bytes: &'a mut usize,
}

impl Sink for Row<'_> {
    #[inline(always)]
    fn integer(&mut self, slot: usize, n: i64) {
        debug_assert!(self.columns[slot].column.kind.is_integral());
        self.integers.put(slot, n);
    }

    #[inline(always)]
    fn text(&mut self, slot: usize, utf8: &[u8]) {
        debug_assert!(!self.columns[slot].column.kind.is_integral());
        *self.text_bytes += self.columns[slot].values.put_utf8(self.row, utf8);
    }

    #[inline(always)]
    fn value(&mut self, slot: usize, value: Value<'_>) {
        debug_assert!(!self.columns[slot].column.kind.is_integral());
        *self.text_bytes += self.columns[slot].values.put(self.row, value);
    }
}

/// Takes the values that the next rows have in common.
struct RowsOfEvent<'a> {
    builder: &'a mut TableBuilder,
    rows: usize,
}

impl Sink for RowsOfEvent<'_> {
    fn integer(&mut self, slot: usize, n: i64) {
        self.builder.block.put(self.rows, slot, n);
    }

    fn text(&mut self, slot: usize, utf8: &[u8]) {
        self.value(slot, Value::Text(text(utf8)));
    }

    fn value(&mut self, slot: usize, value: Value<'_>) {
        let TableBuilder { columns, rows, text_bytes, .. } = &mut *self.builder;
        *text_bytes += columns[slot].values.put_n(*rows, value, self.rows);
    }
}

fn repeated(text: &str, rows: usize) -> ArrayRef {
    let offsets = OffsetBuffer::from_repeated_length(text.len(), rows);
    Arc::new(StringArray::new(offsets, Buffer::from_vec(text.repeat(rows).into_bytes()), None))
}

impl ColumnBuilder {
    fn check(&self, table: &'static Table, value: Value<'_>) -> Result<(), RowError> {
        let column = self.column.name;
        let fits = match (self.column.kind, value) {
            (Kind::Present, _) => true,
            (_, Value::Missing | Value::Null) => {
                if self.column.role == Role::Required {
                    return Err(RowError::Missing { table: table.name, column });
                }
                true
            }
            (Kind::Int | Kind::IntText | Kind::Float, Value::Int(_))
            | (Kind::Float, Value::Float(_))
            | (Kind::Bool, Value::Bool(_))
            | (Kind::Text, Value::Text(_))
            | (Kind::Json | Kind::IntIfAny | Kind::TextIfNoInt, _) => true,
            (Kind::IntText, Value::Text(text)) => text.parse::<i64>().is_ok(),
            (Kind::Float, Value::Text(text)) => text.parse::<f64>().is_ok(),
            (Kind::Time, Value::Int(ms)) => ms.checked_mul(1000).is_some(),
            (Kind::TimeText, Value::Text(text)) => micros(text).is_some(),
            (Kind::IntList, Value::Nested(list)) => {
                list.is_array() && list.elements().all(|e| matches!(e, Value::Int(_)))
            }
            _ => false,
        };
        if fits {
            Ok(())
        } else {
            Err(RowError::Type { table: table.name, column, found: value.type_name() })
        }
    }
}
