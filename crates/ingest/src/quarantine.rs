//! What could not be read, kept with the reason.

use std::borrow::Cow;

use chrono::Utc;
use serde::de::IgnoredAny;
use stagelight_eventlog::{DecodeError, Identity, LineError, Value};
use stagelight_lake::SourceId;
use stagelight_tables::{QUARANTINE, Rejection, RowContext, TableBuilder};

/// As much of a bad line is kept.
pub(crate) const RAW_BYTES: usize = 64 << 10;

/// Why a file, or a place in it, could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The path is not there or may not be read.
    Unreadable(String),
    /// The folder has no files of events.
    NoSegments,
    /// The file has no bytes.
    Empty,
    /// Nothing in the file is an event.
    NotAnEventLog(String),
    /// The file ends in the middle of a compressed frame.
    TruncatedStream(String),
    /// The last line has no end and is no whole event.
    TruncatedLine(String),
    /// The bytes are not what the codec writes.
    Damaged(String),
    /// The line is longer than the limit.
    LineTooLong(String),
    /// The object is larger than the limit.
    TooLarge {
        /// Where it is.
        uri: String,
        /// Its size in bytes.
        size: u64,
        /// The limit that it exceeds.
        limit: u64,
    },
    /// The message of a queue says nothing that can be read.
    Message(String),
    /// Reading it made this program fail.
    Defect(String),
    /// The line is no event, or an event without what makes it one.
    Line(&'static str, String),
}

impl Problem {
    /// The kind of damage, as the column `reason` has it.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::NoSegments => "no_segments",
            Self::Empty => "empty_file",
            Self::NotAnEventLog(_) => "not_an_event_log",
            Self::TruncatedStream(_) => "truncated_stream",
            Self::TruncatedLine(_) => "truncated_line",
            Self::Damaged(_) => "damaged",
            Self::LineTooLong(_) => "line_too_long",
            Self::TooLarge { .. } => "too_large",
            Self::Message(_) => "unknown_message",
            Self::Defect(_) => "defect",
            Self::Line(reason, _) => reason,
        }
    }

    /// What exactly is wrong, as the column `detail` has it.
    pub fn detail(&self) -> Cow<'_, str> {
        match self {
            Self::NoSegments => "no files of events here".into(),
            Self::Empty => "the file has no bytes".into(),
            Self::TooLarge { uri, size, limit } => format!(
                "{size} bytes are more than the limit of {limit}; to read it all the same: \
                 stagelight ingest {uri}"
            )
            .into(),
            Self::Unreadable(detail)
            | Self::Message(detail)
            | Self::Defect(detail)
            | Self::NotAnEventLog(detail)
            | Self::TruncatedStream(detail)
            | Self::TruncatedLine(detail)
            | Self::Damaged(detail)
            | Self::LineTooLong(detail)
            | Self::Line(_, detail) => detail.into(),
        }
    }

    /// Whether the same bytes may be read another time, when rights or a disk are mended: then the
    /// ledger must not say that they are in as they are.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Unreadable(_))
    }

    /// Of the line `raw`.
    pub(crate) fn from_line(rejection: &Rejection, raw: &[u8], complete: bool) -> Self {
        let detail = match rejection {
            Rejection::Decode(DecodeError::Json(_)) => why_not_json(raw),
            _ => None,
        }
        .unwrap_or_else(|| rejection.to_string());
        match rejection {
            Rejection::Decode(_) if !complete => {
                Self::TruncatedLine(format!("the last line is cut: {detail}"))
            }
            other => Self::Line(other.reason(), detail),
        }
    }

    pub(crate) fn from_stream(error: &LineError) -> Self {
        match error {
            LineError::TooLong { .. } => Self::LineTooLong(error.to_string()),
            LineError::Truncated(error) => Self::TruncatedStream(error.to_string()),
            LineError::Damaged(error) => Self::Damaged(error.to_string()),
            LineError::Io(error) => Self::Unreadable(error.to_string()),
        }
    }
}

/// What is wrong with a line that is no JSON, and at which of its bytes: the quick parser does not
/// tell. `None` where the other one finds nothing wrong.
fn why_not_json(line: &[u8]) -> Option<String> {
    let error = serde_json::from_slice::<IgnoredAny>(line).err()?;
    let said = error.to_string();
    let reason = said.split(" at line ").next().unwrap_or(&said);
    Some(format!("not JSON: {reason} at byte {}", error.column()))
}

/// Where in a file a problem is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place<'a> {
    /// Number of the line and where it begins in the decompressed bytes.
    pub(crate) line: Option<(u64, u64)>,
    /// What stands there.
    pub(crate) raw: &'a [u8],
}

/// Rows of the quarantine for one file.
pub(crate) struct Quarantine<'a> {
    source: &'a SourceId,
    display: &'a str,
    pub(crate) builder: TableBuilder,
    pub(crate) rows: u64,
}

impl<'a> Quarantine<'a> {
    pub(crate) fn new(
        source: &'a SourceId,
        display: &'a str,
        identity: &Identity,
        segment: i64,
    ) -> Self {
        let builder = TableBuilder::new(QUARANTINE, identity.clone(), segment);
        Self { source, display, builder, rows: 0 }
    }

    pub(crate) fn add(&mut self, problem: &Problem, place: Place<'_>) {
        let int = |n: u64| Value::Int(i64::try_from(n).unwrap_or(i64::MAX));
        let detail = problem.detail();
        let raw = String::from_utf8_lossy(&place.raw[..place.raw.len().min(RAW_BYTES)]);
        let values = [
            Value::Text(&self.source.uri),
            Value::Text(self.display),
            place.line.map_or(Value::Null, |(number, _)| int(number)),
            place.line.map_or(Value::Null, |(_, offset)| int(offset)),
            Value::Text(problem.reason()),
            Value::Text(&detail),
            if raw.is_empty() { Value::Null } else { Value::Text(&raw) },
            Value::Int(Utc::now().timestamp_millis()),
        ];
        let context = RowContext { line: 0, event: "", raw: "" };
        self.builder
            .append(context, &values)
            .expect("the quarantine's values are of its columns' types");
        self.rows += 1;
        tracing::debug!(
            source = self.source.uri,
            line = place.line.map(|(number, _)| number),
            reason = problem.reason(),
            %detail,
            "quarantined"
        );
    }
}
