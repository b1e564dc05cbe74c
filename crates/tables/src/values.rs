//! The values of one column while rows are appended.
//!
//! Plain vectors: Arrow's own builders keep a bitmap up to date with each value, which costs several
//! times what the value does.

use std::iter::repeat_n;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, BooleanBufferBuilder, Float64Array, Int64Array, ListArray, StringArray,
    TimestampMicrosecondArray, new_null_array,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field};
use chrono::DateTime;
use stagelight_eventlog::Value;

use crate::column::Kind;

/// A column of one kind. A row that is passed over has no value in it: NULL, or `false` where the
/// column says whether there is one.
pub(crate) struct Values {
    kind: Kind,
    typed: Typed,
    /// What integers are multiplied with: times come in milliseconds.
    scale: i64,
    /// Rows without a value: where they begin and how many they are.
    gaps: Vec<(usize, usize)>,
}

/// The values, with something in the place of those that are NULL.
enum Typed {
    /// Integers and times.
    Int(Vec<i64>),
    Float(Vec<f64>),
    Bool(Vec<bool>),
    Text {
        bytes: Vec<u8>,
        ends: Vec<i32>,
    },
    IntList {
        values: Vec<i64>,
        ends: Vec<i32>,
    },
}

impl Values {
    pub(crate) fn new(kind: Kind) -> Self {
        let typed = match kind.data_type() {
            DataType::Float64 => Typed::Float(Vec::new()),
            DataType::Boolean => Typed::Bool(Vec::new()),
            DataType::Utf8 => Typed::Text { bytes: Vec::new(), ends: Vec::new() },
            DataType::List(_) => Typed::IntList { values: Vec::new(), ends: Vec::new() },
            _ => Typed::Int(Vec::new()),
        };
        let scale = if kind == Kind::Time { 1000 } else { 1 };
        Self { kind, typed, scale, gaps: Vec::new() }
    }

    /// Puts a value that is of the column's kind into a row behind those that have one; returns the
    /// bytes of its text.
    #[inline]
    pub(crate) fn put(&mut self, row: usize, value: Value<'_>) -> usize {
        match value {
            Value::Missing | Value::Null => {}
            Value::Int(n) => return self.put_integer(row, n),
            Value::Bool(flag) if matches!(self.kind, Kind::Bool | Kind::Present) => {
                self.pass_over(row);
                if let Typed::Bool(values) = &mut self.typed {
                    values.push(flag || self.kind == Kind::Present);
                }
            }
            value => {
                self.pass_over(row);
                return self.append(value);
            }
        }
        0
    }

    /// Puts the same value into `times` rows; returns the bytes of its texts.
    pub(crate) fn put_n(&mut self, row: usize, value: Value<'_>, times: usize) -> usize {
        match (value, &self.typed, self.kind) {
            (Value::Missing | Value::Null, ..) => return 0,
            (Value::Int(n), Typed::Int(_), Kind::Int | Kind::IntIfAny | Kind::IntText) => {
                self.pass_over(row);
                if let Typed::Int(values) = &mut self.typed {
                    values.extend(repeat_n(n, times));
                }
            }
            (Value::Bool(flag), Typed::Bool(_), Kind::Bool) => {
                self.pass_over(row);
                if let Typed::Bool(values) = &mut self.typed {
                    values.extend(repeat_n(flag, times));
                }
            }
            _ => return (row..row + times).map(|row| self.put(row, value)).sum(),
        }
        0
    }

    /// As [`Values::put`] of an integer.
    #[inline(always)]
    pub(crate) fn put_integer(&mut self, row: usize, n: i64) -> usize {
        if let Typed::Int(values) = &mut self.typed
            && values.len() == row
            && let Some(n) = n.checked_mul(self.scale)
        {
            values.push(n);
            return 0;
        }
        self.put_integer_elsewhere(row, n)
    }

    /// Puts integers into rows that follow each other.
    pub(crate) fn put_integers(&mut self, row: usize, integers: impl Iterator<Item = i64>) {
        match (&self.typed, self.kind) {
            (Typed::Int(_), Kind::Int | Kind::IntIfAny | Kind::IntText) => {
                self.pass_over(row);
                if let Typed::Int(values) = &mut self.typed {
                    values.extend(integers);
                }
            }
            _ => {
                for (at, n) in integers.enumerate() {
                    self.put_integer(row + at, n);
                }
            }
        }
    }

    #[inline(never)]
    fn put_integer_elsewhere(&mut self, row: usize, n: i64) -> usize {
        if self.kind == Kind::TextIfNoInt {
            return 0;
        }
        self.pass_over(row);
        self.append(Value::Int(n))
    }

    /// As [`Values::put`] of a string in UTF-8.
    #[inline]
    pub(crate) fn put_utf8(&mut self, row: usize, utf8: &[u8]) -> usize {
        self.pass_over(row);
        match (&mut self.typed, self.kind) {
            (Typed::Text { bytes, ends }, Kind::Text) => {
                bytes.extend_from_slice(utf8);
                ends.push(end(bytes.len()));
                utf8.len()
            }
            _ => self.append(Value::Text(text(utf8))),
        }
    }

    /// Appends what is neither missing nor null; nothing where it has no place in the column.
    fn append(&mut self, value: Value<'_>) -> usize {
        match (&mut self.typed, value) {
            (Typed::Text { .. }, value) if self.kind == Kind::TextIfNoInt && is_integer(value) => {}
            (Typed::Text { bytes, ends }, value) => {
                let before = bytes.len();
                match value {
                    Value::Text(text) => bytes.extend_from_slice(text.as_bytes()),
                    value => bytes.extend_from_slice(display(value).as_bytes()),
                }
                ends.push(end(bytes.len()));
                return bytes.len() - before;
            }
            (Typed::Int(values), value) => values.extend(integer(self.kind, value)),
            (Typed::Bool(values), Value::Bool(flag)) if self.kind == Kind::Bool => {
                values.push(flag);
            }
            (Typed::Bool(values), _) => values.push(true),
            (Typed::Float(values), value) => values.extend(float(value)),
            (Typed::IntList { values, ends }, Value::Nested(list)) => {
                values.extend(list.elements().filter_map(|element| match element {
                    Value::Int(n) => Some(n),
                    _ => None,
                }));
                ends.push(end(values.len()));
            }
            (Typed::IntList { .. }, _) => {}
        }
        0
    }

    /// Goes on at `row`.
    #[inline(always)]
    fn pass_over(&mut self, row: usize) {
        if self.typed.len() != row {
            self.leave_gap(row);
        }
    }

    #[cold]
    fn leave_gap(&mut self, row: usize) {
        let len = self.typed.len();
        if self.kind != Kind::Present {
            self.gaps.push((len, row - len));
        }
        match &mut self.typed {
            Typed::Int(values) => values.resize(row, 0),
            Typed::Float(values) => values.resize(row, 0.0),
            Typed::Bool(values) => values.resize(row, false),
            Typed::Text { ends, .. } | Typed::IntList { ends, .. } => {
                ends.resize(row, ends.last().copied().unwrap_or(0));
            }
        }
    }

    /// Takes the values of `rows` rows.
    pub(crate) fn finish(&mut self, rows: usize) -> ArrayRef {
        if self.typed.len() == 0 && self.kind != Kind::Present {
            return new_null_array(&self.kind.data_type(), rows);
        }
        self.pass_over(rows);
        let nulls = self.take_nulls(rows);
        // As many come again, more likely than not.
        match &mut self.typed {
            Typed::Int(values) => {
                let values =
                    ScalarBuffer::from(std::mem::replace(values, Vec::with_capacity(rows)));
                match self.kind.data_type() {
                    DataType::Int64 => Arc::new(Int64Array::new(values, nulls)),
                    _ => {
                        Arc::new(TimestampMicrosecondArray::new(values, nulls).with_timezone("UTC"))
                    }
                }
            }
            Typed::Float(values) => {
                Arc::new(Float64Array::new(std::mem::take(values).into(), nulls))
            }
            Typed::Bool(values) => {
                let values = std::mem::replace(values, Vec::with_capacity(rows));
                Arc::new(BooleanArray::new(BooleanBuffer::from(values), nulls))
            }
            Typed::Text { bytes, ends } => {
                let bytes = std::mem::replace(bytes, Vec::with_capacity(bytes.len()));
                let offsets = offsets(std::mem::replace(ends, Vec::with_capacity(rows)));
                Arc::new(StringArray::new(offsets, Buffer::from_vec(bytes), nulls))
            }
            Typed::IntList { values, ends } => {
                let values = Arc::new(Int64Array::new(std::mem::take(values).into(), None));
                let element = Arc::new(Field::new("element", DataType::Int64, true));
                Arc::new(ListArray::new(element, offsets(std::mem::take(ends)), values, nulls))
            }
        }
    }

    fn take_nulls(&mut self, rows: usize) -> Option<NullBuffer> {
        if self.gaps.is_empty() {
            return None;
        }
        let mut valid = BooleanBufferBuilder::new(rows);
        for (start, len) in self.gaps.drain(..) {
            valid.append_n(start - valid.len(), true);
            valid.append_n(len, false);
        }
        valid.append_n(rows - valid.len(), true);
        Some(valid.finish().into())
    }
}

impl Typed {
    fn len(&self) -> usize {
        match self {
            Self::Int(values) => values.len(),
            Self::Float(values) => values.len(),
            Self::Bool(values) => values.len(),
            Self::Text { ends, .. } | Self::IntList { ends, .. } => ends.len(),
        }
    }
}

/// A string that is known to be UTF-8.
pub(crate) fn text(utf8: &[u8]) -> &str {
    std::str::from_utf8(utf8).expect("it is UTF-8")
}

/// A batch is taken long before this is too little.
fn end(len: usize) -> i32 {
    i32::try_from(len).expect("a batch has less than 2 GiB of text")
}

fn offsets(ends: Vec<i32>) -> OffsetBuffer<i32> {
    let mut offsets = Vec::with_capacity(ends.len() + 1);
    offsets.push(0);
    offsets.extend(ends);
    OffsetBuffer::new(offsets.into())
}

/// The integer that a column of this kind has for a value.
fn integer(kind: Kind, value: Value<'_>) -> Option<i64> {
    match (kind, value) {
        (Kind::Time, Value::Int(ms)) => ms.checked_mul(1000),
        (Kind::TimeText, Value::Text(text)) => micros(text),
        (_, Value::Int(n)) => Some(n),
        (_, Value::Text(text)) => text.parse().ok(),
        _ => None,
    }
}

fn float(value: Value<'_>) -> Option<f64> {
    match value {
        Value::Float(n) => Some(n),
        Value::Int(n) => Some(n as f64),
        Value::Text(text) => text.parse().ok(),
        _ => None,
    }
}

fn display(value: Value<'_>) -> String {
    match value {
        Value::Nested(nested) => nested.to_string(),
        Value::Int(n) => n.to_string(),
        Value::Float(n) => n.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Text(text) => text.to_owned(),
        Value::Missing | Value::Null => String::new(),
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
pub(crate) fn micros(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp_micros())
}
