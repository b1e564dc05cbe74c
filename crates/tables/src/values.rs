//! The values of one column while rows are appended.
//!
//! Plain vectors: Arrow's own builders keep a bitmap up to date with each value, which costs several
//! times what the value does.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, ListArray, StringArray,
    TimestampMicrosecondArray, new_null_array,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field};
use chrono::DateTime;
use stagelight_eventlog::{Sink, Value};

use crate::column::Kind;

/// A time that is this far from 1970 may not fit in microseconds.
const MAX_MS: i64 = i64::MAX / 1000;

/// A column of one kind.
pub(crate) struct Values {
    kind: Kind,
    typed: Typed,
    /// Which values are not NULL; none is before it is needed.
    valid: Option<Vec<bool>>,
    /// NULLs at the end that `typed` does not have yet: of many columns all.
    nulls: usize,
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
        Self { kind, typed, valid: None, nulls: 0 }
    }

    /// Appends a value that is of the column's kind; returns the bytes of its text.
    #[inline]
    pub(crate) fn append(&mut self, value: Value<'_>) -> usize {
        match value {
            Value::Missing | Value::Null if self.kind != Kind::Present => self.nulls += 1,
            Value::Int(n) => return self.integer(n),
            Value::Text(text) => return self.text(text),
            _ => {
                self.make_room(1);
                return self.append_other(value);
            }
        }
        0
    }

    /// Appends the same value `times` times; returns the bytes of its texts.
    pub(crate) fn append_n(&mut self, value: Value<'_>, times: usize) -> usize {
        match (value, &mut self.typed, self.kind) {
            (Value::Missing | Value::Null, _, kind) if kind != Kind::Present => {
                self.nulls += times;
                return 0;
            }
            (Value::Int(n), Typed::Int(_), Kind::Int | Kind::IntIfAny) => {
                self.make_room(times);
                if let Typed::Int(values) = &mut self.typed {
                    extend(values, n, times);
                }
            }
            (Value::Bool(flag), Typed::Bool(_), Kind::Bool) => {
                self.make_room(times);
                if let Typed::Bool(values) = &mut self.typed {
                    extend(values, flag, times);
                }
            }
            _ => return (0..times).map(|_| self.append(value)).sum(),
        }
        0
    }

    /// What `times` values need before they are appended.
    #[inline(always)]
    fn make_room(&mut self, times: usize) {
        if self.nulls > 0 {
            self.fill();
        }
        if let Some(valid) = &mut self.valid {
            valid.resize(valid.len() + times, true);
        }
    }

    fn append_other(&mut self, value: Value<'_>) -> usize {
        match (&mut self.typed, value) {
            (Typed::Text { .. }, value) if self.kind == Kind::TextIfNoInt && is_integer(value) => {
                self.append_null();
            }
            (Typed::Text { bytes, ends }, value) => {
                let before = bytes.len();
                match value {
                    Value::Text(text) => bytes.extend_from_slice(text.as_bytes()),
                    value => bytes.extend_from_slice(display(value).as_bytes()),
                }
                ends.push(end(bytes.len()));
                return bytes.len() - before;
            }
            (Typed::Int(values), value) => match integer(self.kind, value) {
                Some(n) => values.push(n),
                None => self.append_null(),
            },
            (Typed::Bool(values), Value::Bool(flag)) if self.kind == Kind::Bool => {
                values.push(flag);
            }
            (Typed::Bool(values), value) => {
                values.push(!matches!(value, Value::Missing | Value::Null));
            }
            (Typed::Float(values), value) => match float(value) {
                Some(n) => values.push(n),
                None => self.append_null(),
            },
            (Typed::IntList { values, ends }, Value::Nested(list)) => {
                values.extend(list.elements().filter_map(|element| match element {
                    Value::Int(n) => Some(n),
                    _ => None,
                }));
                ends.push(end(values.len()));
            }
            (Typed::IntList { .. }, _) => self.append_null(),
        }
        0
    }

    /// A NULL in the place of a value that was to come.
    fn append_null(&mut self) {
        if let Some(valid) = &mut self.valid {
            valid.pop();
        }
        self.nulls += 1;
    }

    /// Puts the NULLs that are behind where they belong.
    #[cold]
    fn fill(&mut self) {
        let nulls = std::mem::take(&mut self.nulls);
        let len = self.typed.len();
        let valid = self.valid.get_or_insert_with(|| vec![true; len]);
        valid.resize(len + nulls, false);
        match &mut self.typed {
            Typed::Int(values) => extend(values, 0, nulls),
            Typed::Float(values) => extend(values, 0.0, nulls),
            Typed::Bool(values) => extend(values, false, nulls),
            Typed::Text { ends, .. } | Typed::IntList { ends, .. } => {
                extend(ends, ends.last().copied().unwrap_or(0), nulls);
            }
        }
    }

    /// Takes the `rows` values that were appended.
    pub(crate) fn finish(&mut self, rows: usize) -> ArrayRef {
        if self.nulls == rows {
            self.nulls = 0;
            return new_null_array(&self.kind.data_type(), rows);
        }
        if self.nulls > 0 {
            self.fill();
        }
        let nulls = self.valid.take().map(NullBuffer::from);
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
}

impl Sink for Values {
    #[inline(always)]
    fn integer(&mut self, n: i64) -> usize {
        if self.kind == Kind::TextIfNoInt {
            self.nulls += 1;
            return 0;
        }
        self.make_room(1);
        match (&mut self.typed, self.kind) {
            (Typed::Int(values), Kind::Int | Kind::IntIfAny) => values.push(n),
            (Typed::Int(values), Kind::Time) if (-MAX_MS..=MAX_MS).contains(&n) => {
                values.push(n * 1000);
            }
            _ => return self.append_other(Value::Int(n)),
        }
        0
    }

    #[inline]
    fn text(&mut self, text: &str) -> usize {
        self.make_room(1);
        match (&mut self.typed, self.kind) {
            (Typed::Text { bytes, ends }, Kind::Text) => {
                bytes.extend_from_slice(text.as_bytes());
                ends.push(end(bytes.len()));
                text.len()
            }
            _ => self.append_other(Value::Text(text)),
        }
    }

    #[inline(always)]
    fn value(&mut self, value: Value<'_>) -> usize {
        self.append(value)
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

/// One value mostly.
#[inline(always)]
fn extend<T: Clone>(values: &mut Vec<T>, value: T, times: usize) {
    if times == 1 {
        values.push(value);
    } else {
        values.resize(values.len() + times, value);
    }
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
