//! The declaration of a column: name, type, source and meaning, once.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, TimeUnit};
use stagelight_eventlog::{Form, Slot};

/// The type of a column and how a JSON value becomes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A 64-bit integer.
    Int,
    /// A 64-bit integer that Spark writes as a string (the values of properties).
    IntText,
    /// A 64-bit integer where the value is one, as a number or a string; NULL where it is not.
    IntIfAny,
    /// A string where the value is no 64-bit integer; NULL where it is.
    TextIfNoInt,
    /// A 64-bit float; Spark writes `NaN` and infinities as strings.
    Float,
    /// A boolean.
    Bool,
    /// A string.
    Text,
    /// Milliseconds since 1970 in the event; microseconds in UTC in the lake, Delta's own type.
    Time,
    /// A time as text, `2026-11-22T07:07:38.014Z` in the event; as [`Kind::Time`] in the lake.
    TimeText,
    /// A list of 64-bit integers.
    IntList,
    /// Whatever stands there, as JSON text; of a string, its text (Spark writes JSON into strings).
    Json,
    /// `true` where the event has the field, `false` where it has not.
    Present,
}

impl Kind {
    /// Whether the values are integers in the lake, as times are.
    pub(crate) fn is_integral(self) -> bool {
        matches!(self.data_type(), DataType::Int64 | DataType::Timestamp(..))
    }

    /// The form that a learned shape gives its values in.
    pub(crate) fn form(self) -> Form {
        match self {
            Self::Int | Self::Time => Form::Int,
            Self::IntText => Form::IntText,
            Self::IntIfAny => Form::IntIfAny,
            Self::TextIfNoInt => Form::TextIfNoInt,
            Self::Text => Form::Text,
            Self::Bool => Form::Bool,
            Self::Present => Form::Present,
            Self::Float | Self::TimeText | Self::IntList | Self::Json => Form::Other,
        }
    }

    /// The Arrow type of the column in the lake.
    pub fn data_type(self) -> DataType {
        match self {
            Self::Int | Self::IntText | Self::IntIfAny => DataType::Int64,
            Self::Float => DataType::Float64,
            Self::Bool | Self::Present => DataType::Boolean,
            Self::Text | Self::TextIfNoInt | Self::Json => DataType::Utf8,
            Self::Time | Self::TimeText => {
                DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
            }
            Self::IntList => DataType::List(Arc::new(Field::new("element", DataType::Int64, true))),
        }
    }
}

/// Where a column's value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The event, see [`Slot`].
    Event(Slot),
    /// Known about the segment or the line, not in the JSON.
    Context(Context),
    /// Handed over in code, for tables whose rows are no events.
    Given,
    /// Folded from the tasks of a segment.
    Folded(Fold),
}

impl Source {
    /// How the tasks become the column's value, if that is where it comes from.
    pub fn fold(self) -> Option<Fold> {
        match self {
            Self::Folded(fold) => Some(fold),
            Self::Event(_) | Self::Context(_) | Self::Given => None,
        }
    }
}

/// How rows of task_starts and task_ends become a value of a table of sums. Names are of their
/// columns; what is NULL is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    /// The value that all rows of the group have.
    Key(&'static str),
    /// How many there are.
    Count(Tasks),
    /// The sum of the values.
    Sum(Tasks, &'static str),
    /// The sum of their hashes (see [`Fold::hash`]), beyond 64 bits from the beginning again: as
    /// many ids with the same sum are taken to be the same ids.
    SumOfHashes(Tasks, &'static str),
    /// The sum of the milliseconds from one time to the other.
    SumOfSpans(Tasks, &'static str, &'static str),
    /// The sum of the scheduler delays of tasks: what is left of a task's duration when it has not
    /// been deserialised, run, or its result serialised or fetched. Milliseconds.
    /// Spark: AppStatusUtils.schedulerDelay.
    SumOfDelays(Tasks),
    /// The least value.
    Least(Tasks, &'static str),
    /// The greatest value.
    Greatest(Tasks, &'static str),
}

impl Fold {
    /// The factors of [`Fold::hash`]: odd, and as good as random.
    pub const HASH_FACTORS: [i64; 2] = [0x1E37_79B9_7F4A_7C15, 0x3F58_476D_1CE4_E5B9];

    /// Spreads an id over 64 bits, so that sums of hashes tell sets of ids apart which have the same
    /// sum, or sum of squares.
    pub fn hash(id: i64) -> i64 {
        let [first, second] = Self::HASH_FACTORS;
        let spread = id.wrapping_mul(first);
        (spread ^ (spread >> 32)).wrapping_mul(second)
    }

    /// What is folded; a key is of every task.
    pub(crate) fn tasks(self) -> Option<Tasks> {
        match self {
            Self::Key(_) => None,
            Self::Count(tasks)
            | Self::Sum(tasks, _)
            | Self::SumOfHashes(tasks, _)
            | Self::SumOfSpans(tasks, ..)
            | Self::SumOfDelays(tasks)
            | Self::Least(tasks, _)
            | Self::Greatest(tasks, _) => Some(tasks),
        }
    }
}

/// Some of the rows of task_starts, or of task_ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tasks {
    /// Every start.
    Started,
    /// Every end.
    Ended,
    /// The ends of tasks that had not ended before: Spark ends a finished task another time, as
    /// `Resubmitted`, when the executor that has its output is lost.
    Finished,
    /// Ends with `Success`.
    Succeeded,
    /// Ends with `TaskKilled` or `TaskCommitDenied`.
    Killed,
    /// Successes of a later attempt of the task or of its stage: they may repeat an index.
    Retried,
    /// Of [`Tasks::Finished`], those that say that they failed.
    FlaggedFailed,
    /// Of [`Tasks::Finished`], those that say that they were killed, and not that they failed.
    FlaggedKilled,
    /// Ends that do not say that no peaks were measured (ExecutorMetrics.isSet).
    Reporting,
}

impl Tasks {
    /// Whether they are rows of task_ends, not of task_starts.
    pub(crate) fn are_ends(self) -> bool {
        self != Self::Started
    }
}

/// What is known of a row besides its event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// Application id.
    AppId,
    /// Attempt id, empty where there is none.
    AttemptId,
    /// Roll index of the segment.
    Segment,
    /// Number of the line.
    Line,
    /// Name of the event.
    EventName,
    /// The line itself.
    Raw,
}

impl Context {
    /// Whether every row of a segment has the same.
    pub fn is_of_segment(self) -> bool {
        matches!(self, Self::AppId | Self::AttemptId | Self::Segment)
    }
}

/// One column of a table of the lake.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Name in the lake. A unit ends it: `_ms`, `_ns`, `_bytes`.
    pub name: &'static str,
    /// What it means.
    pub doc: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Where its values come from.
    pub source: Source,
    /// What becomes of a row by this column's value.
    pub role: Role,
    /// Whether it says when the row's event happened.
    pub is_moment: bool,
}

/// What becomes of a row by a column's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Nothing: the value may be missing.
    Optional,
    /// An event without it is bad and goes to quarantine.
    Required,
    /// A row without a number above zero in any of its measures says nothing and is left out.
    Measure,
}

impl Column {
    /// The same column, without which an event is bad.
    pub const fn required(self) -> Self {
        Self { role: Role::Required, ..self }
    }

    /// The same column, as one of the measures that a row is there for.
    pub const fn measure(self) -> Self {
        Self { role: Role::Measure, ..self }
    }

    /// The same column, as a time at which something happened.
    pub const fn moment(self) -> Self {
        Self { is_moment: true, ..self }
    }

    /// Whether files say which values they have of the column, so that readers can pass over them:
    /// of times, of where a row is from, and of what an event must have.
    pub(crate) fn is_searched(&self) -> bool {
        matches!(self.kind, Kind::Time | Kind::TimeText)
            || matches!(self.source, Source::Context(Context::Line) | Source::Given)
            || self.role == Role::Required
    }

    /// The Arrow field. Everything may be null: other writers of the lake need no more care.
    pub fn field(&self) -> Field {
        Field::new(self.name, self.kind.data_type(), true)
    }
}

const fn column(name: &'static str, kind: Kind, source: Source, doc: &'static str) -> Column {
    Column { name, doc, kind, source, role: Role::Optional, is_moment: false }
}

/// A column of `kind` from `path`, seen from the root of the event.
pub(crate) const fn event(
    name: &'static str,
    kind: Kind,
    path: &'static str,
    doc: &'static str,
) -> Column {
    column(name, kind, Source::Event(Slot::Event(path)), doc)
}

/// A column of `kind` from `path`, seen from the item of the event that makes the row.
pub(crate) const fn item(
    name: &'static str,
    kind: Kind,
    path: &'static str,
    doc: &'static str,
) -> Column {
    column(name, kind, Source::Event(Slot::Item(path)), doc)
}

/// A column of `kind` from `path`, seen from the array element that the row's item is part of.
pub(crate) const fn outer(
    name: &'static str,
    kind: Kind,
    path: &'static str,
    doc: &'static str,
) -> Column {
    column(name, kind, Source::Event(Slot::Outer(path)), doc)
}

/// An id of the graph of a physical plan.
pub(crate) const fn plan(name: &'static str, slot: Slot, doc: &'static str) -> Column {
    column(name, Kind::Int, Source::Event(slot), doc)
}

/// The key at which the row's section stands.
pub(crate) const fn section(doc: &'static str) -> Column {
    column("section", Kind::Text, Source::Event(Slot::Section), doc)
}

/// The key of the row's entry in its section.
pub(crate) const fn key(doc: &'static str) -> Column {
    column("name", Kind::Text, Source::Event(Slot::Key), doc)
}

/// The name of the event, in tables that hold several.
pub(crate) const EVENT: Column = column(
    "event",
    Kind::Text,
    Source::Context(Context::EventName),
    "Class of the event, without its package.",
);

/// The line that the row was read from.
pub(crate) const RAW: Column =
    column("json", Kind::Text, Source::Context(Context::Raw), "The event as Spark wrote it.");

/// Which application attempt and which of its segments a row is of.
pub(crate) const IDENTITY: [Column; 3] = [
    column("app_id", Kind::Text, Source::Context(Context::AppId), "Application id."),
    column(
        "attempt_id",
        Kind::Text,
        Source::Context(Context::AttemptId),
        "Attempt id; empty where the cluster manager gives none.",
    ),
    column(
        "segment",
        Kind::Int,
        Source::Context(Context::Segment),
        "Roll index of the file, 1 for a single-file log.",
    ),
];

/// The line of a row in its segment: together they order the events of an attempt.
pub(crate) const LINE: Column = column(
    "line",
    Kind::Int,
    Source::Context(Context::Line),
    "Number of the line in the segment, from 1.",
);

/// A column whose values are handed over in code, not read from an event.
pub(crate) const fn given(name: &'static str, kind: Kind, doc: &'static str) -> Column {
    column(name, kind, Source::Given, doc)
}

/// A column of what the tasks of a segment add up to.
pub(crate) const fn folded(
    name: &'static str,
    kind: Kind,
    fold: Fold,
    doc: &'static str,
) -> Column {
    column(name, kind, Source::Folded(fold), doc)
}
