//! Rows of one table, appended column by column into Arrow builders.

use std::iter::repeat_n;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Float64Builder, Int64Array, Int64Builder, ListBuilder, RecordBatch,
    StringArray, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Field, SchemaRef};
use chrono::DateTime;
use stagelight_eventlog::{Identity, Value};
use thiserror::Error;

use crate::column::{Column, Context, Kind, Role, Source};
use crate::table::Table;

/// A batch is taken when it has this many rows,
const BATCH_ROWS: usize = 8192;
/// or about this many bytes of text.
const BATCH_TEXT_BYTES: usize = 8 << 20;

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
    columns: Vec<ColumnBuilder>,
    has_measures: bool,
    rows: usize,
    text_bytes: usize,
}

impl TableBuilder {
    /// An empty builder of `table` for the given segment of an application attempt.
    pub fn new(table: &'static Table, identity: Identity, segment: i64) -> Self {
        let mut slots = 0..;
        let columns: Vec<_> = table
            .columns()
            .map(|column| {
                let from = match column.source {
                    Source::Context(context) => From::Context(context),
                    Source::Event(_) | Source::Given => From::Slot(slots.next().unwrap_or(0)),
                };
                ColumnBuilder { column, from, values: Values::new(column.kind) }
            })
            .collect();
        let schema = table.schema();
        let has_measures = columns.iter().any(|builder| builder.column.role == Role::Measure);
        Self { table, schema, identity, segment, columns, has_measures, rows: 0, text_bytes: 0 }
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
    /// [`RowError`] names the column whose value is missing or of another type.
    pub fn append(
        &mut self,
        context: RowContext<'_>,
        slots: &[Value<'_>],
    ) -> Result<bool, RowError> {
        if self.has_measures && !self.measures_any(slots) {
            return Ok(false);
        }
        for builder in &self.columns {
            if let From::Slot(slot) = builder.from {
                builder.check(self.table, slots[slot])?;
            }
        }
        for builder in &mut self.columns {
            let value = match builder.from {
                From::Slot(slot) => slots[slot],
                From::Context(Context::Line) => Value::Int(context.line),
                From::Context(Context::EventName) => Value::Text(context.event),
                From::Context(Context::Raw) => Value::Text(context.raw),
                From::Context(Context::AppId | Context::AttemptId | Context::Segment) => continue,
            };
            self.text_bytes += builder.values.append(builder.column.kind, value);
        }
        self.rows += 1;
        Ok(true)
    }

    fn measures_any(&self, slots: &[Value<'_>]) -> bool {
        let mut measures = self.columns.iter().filter(|b| b.column.role == Role::Measure);
        measures.any(|builder| match builder.from {
            From::Slot(slot) => match slots[slot] {
                Value::Missing | Value::Null => false,
                Value::Int(n) => n > 0,
                // Whatever it is, it is not left out in silence.
                _ => true,
            },
            From::Context(_) => false,
        })
    }

    /// Takes the rows that were appended.
    pub fn take(&mut self) -> RecordBatch {
        let rows = std::mem::take(&mut self.rows);
        self.text_bytes = 0;
        let identity = &self.identity;
        let segment = self.segment;
        let arrays = self.columns.iter_mut().map(|builder| match builder.from {
            From::Context(Context::AppId) => repeated(&identity.app_id, rows),
            From::Context(Context::AttemptId) => {
                repeated(identity.attempt_id.as_deref().unwrap_or(""), rows)
            }
            From::Context(Context::Segment) => {
                Arc::new(Int64Array::from_value(segment, rows)) as ArrayRef
            }
            _ => builder.values.finish(),
        });
        RecordBatch::try_new(Arc::clone(&self.schema), arrays.collect())
            .expect("builders and schema come from the same columns")
    }
}

fn is_integer(value: Value<'_>) -> bool {
    match value {
        Value::Int(_) => true,
        Value::Text(text) => text.parse::<i64>().is_ok(),
        _ => false,
    }
}

/// Microseconds since 1970 of a time as streaming queries write it.
fn micros(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp_micros())
}

fn repeated(text: &str, rows: usize) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(repeat_n(text, rows)))
}

struct ColumnBuilder {
    column: Column,
    from: From,
    values: Values,
}

enum From {
    Slot(usize),
    Context(Context),
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

enum Values {
    Int(Int64Builder),
    Float(Float64Builder),
    Bool(BooleanBuilder),
    Text(StringBuilder),
    Time(TimestampMicrosecondBuilder),
    IntList(ListBuilder<Int64Builder>),
}

impl Values {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Int | Kind::IntText | Kind::IntIfAny => Self::Int(Int64Builder::new()),
            Kind::Float => Self::Float(Float64Builder::new()),
            Kind::Bool | Kind::Present => Self::Bool(BooleanBuilder::new()),
            Kind::Text | Kind::TextIfNoInt | Kind::Json => Self::Text(StringBuilder::new()),
            Kind::Time | Kind::TimeText => {
                Self::Time(TimestampMicrosecondBuilder::new().with_timezone("UTC"))
            }
            Kind::IntList => {
                Self::IntList(ListBuilder::new(Int64Builder::new()).with_field(Field::new(
                    "element",
                    DataType::Int64,
                    true,
                )))
            }
        }
    }

    /// Appends a value that has passed [`ColumnBuilder::check`]; returns the bytes of its text.
    fn append(&mut self, kind: Kind, value: Value<'_>) -> usize {
        match (self, value) {
            (Self::Int(values), Value::Int(n)) => values.append_value(n),
            (Self::Int(values), Value::Text(text)) => values.append_option(text.parse().ok()),
            (Self::Int(values), _) => values.append_null(),
            (Self::Time(values), Value::Int(ms)) => values.append_option(ms.checked_mul(1000)),
            (Self::Time(values), Value::Text(text)) => values.append_option(micros(text)),
            (Self::Time(values), _) => values.append_null(),
            (Self::Text(values), value) if kind == Kind::TextIfNoInt && is_integer(value) => {
                values.append_null();
            }
            (Self::Text(values), Value::Text(text)) => {
                values.append_value(text);
                return text.len();
            }
            (Self::Text(values), Value::Nested(nested)) => {
                let text = nested.to_string();
                values.append_value(&text);
                return text.len();
            }
            (Self::Text(values), Value::Int(n)) => values.append_value(n.to_string()),
            (Self::Text(values), Value::Float(n)) => values.append_value(n.to_string()),
            (Self::Text(values), Value::Bool(flag)) => values.append_value(flag.to_string()),
            (Self::Text(values), _) => values.append_null(),
            (Self::Bool(values), value) if kind == Kind::Present => {
                values.append_value(!matches!(value, Value::Missing | Value::Null));
            }
            (Self::Bool(values), Value::Bool(flag)) => values.append_value(flag),
            (Self::Bool(values), _) => values.append_null(),
            (Self::Float(values), Value::Float(n)) => values.append_value(n),
            (Self::Float(values), Value::Int(n)) => values.append_value(n as f64),
            (Self::Float(values), Value::Text(text)) => values.append_option(text.parse().ok()),
            (Self::Float(values), _) => values.append_null(),
            (Self::IntList(lists), Value::Nested(list)) => {
                for element in list.elements() {
                    if let Value::Int(n) = element {
                        lists.values().append_value(n);
                    }
                }
                lists.append(true);
            }
            (Self::IntList(lists), _) => lists.append(false),
        }
        0
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Int(values) => Arc::new(values.finish()),
            Self::Float(values) => Arc::new(values.finish()),
            Self::Bool(values) => Arc::new(values.finish()),
            Self::Text(values) => Arc::new(values.finish()),
            Self::Time(values) => Arc::new(values.finish()),
            Self::IntList(values) => Arc::new(values.finish()),
        }
    }
}
