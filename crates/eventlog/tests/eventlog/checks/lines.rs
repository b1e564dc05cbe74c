//! Lines: the same as splitting all the bytes at once, however they are read.

use std::io::{ErrorKind, Read};

use stagelight_eventlog::{LineError, Lines};

use super::choices::Choices;
use super::reading::Dripping;

/// What a walk over lines meets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A line.
    Line {
        /// Its number.
        number: u64,
        /// Where it begins.
        offset: u64,
        /// Whether a newline ends it.
        complete: bool,
        /// The line itself.
        bytes: Vec<u8>,
    },
    /// A line that is too long.
    TooLong {
        /// Its number.
        number: u64,
        /// Where it begins.
        offset: u64,
    },
    /// What ended the walk before the end of the bytes.
    Error(ErrorKind),
}

/// Cuts the bytes behind the choices into lines.
pub fn check(input: &[u8]) {
    let Some((Choices { way, number: limit, steps, .. }, bytes)) = Choices::split(input) else {
        return;
    };
    let error = match way % 4 {
        0 => None,
        1 => Some(ErrorKind::UnexpectedEof),
        2 => Some(ErrorKind::InvalidData),
        _ => Some(ErrorKind::TimedOut),
    };
    let mut lines = Lines::new(Dripping::new(bytes, &steps).failing(error), limit);
    assert_eq!(walk(&mut lines), split(bytes, limit, error));
    assert_eq!(lines.offset(), bytes.len() as u64);
    assert!(lines.next_line().is_none(), "the end stays the end");
}

/// All that a walk meets.
pub fn walk(lines: &mut Lines<impl Read>) -> Vec<Seen> {
    let mut seen = Vec::new();
    while let Some(next) = lines.next_line() {
        let next = match next {
            Ok(line) => Seen::Line {
                number: line.number,
                offset: line.offset,
                complete: line.complete,
                bytes: line.bytes().to_vec(),
            },
            Err(LineError::TooLong { number, offset, .. }) => Seen::TooLong { number, offset },
            Err(error) => Seen::Error(kind(&error)),
        };
        if let Seen::Line { offset, complete, bytes, .. } = &next {
            assert_eq!(lines.offset(), offset + bytes.len() as u64 + u64::from(*complete));
        }
        seen.push(next);
    }
    seen
}

/// The kind of the error beneath, which says what a walk makes of it.
pub fn kind(error: &LineError) -> ErrorKind {
    let (kind, expected) = match error {
        LineError::Truncated(error) => (error.kind(), error.kind() == ErrorKind::UnexpectedEof),
        LineError::Damaged(error) => (error.kind(), error.kind() == ErrorKind::InvalidData),
        LineError::Io(error) => (error.kind(), true),
        LineError::TooLong { .. } => unreachable!("no error is beneath it"),
    };
    assert!(expected, "{error}");
    kind
}

/// All that a walk should meet: lines of at most `limit` bytes that are not blank, then `error`.
fn split(bytes: &[u8], limit: usize, error: Option<ErrorKind>) -> Vec<Seen> {
    let mut end = 0;
    let lines = (1..).zip(bytes.split_inclusive(|byte| *byte == b'\n'));
    let lines = lines.filter_map(|(number, line)| {
        let offset = end;
        end += line.len() as u64;
        let (line, complete) = line.strip_suffix(b"\n").map_or((line, false), |line| (line, true));
        if line.len() > limit {
            Some(Seen::TooLong { number, offset })
        } else if line.trim_ascii().is_empty() {
            None
        } else {
            Some(Seen::Line { number, offset, complete, bytes: line.to_vec() })
        }
    });
    lines.chain(error.map(Seen::Error)).collect()
}
