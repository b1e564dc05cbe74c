//! Bytes into lines, one event each, in one buffer that is reused.

use std::io::{self, Read};
use std::ops::Range;

use simd_json::INPUT_PADDING;
use thiserror::Error;

const BUFFER_BYTES: usize = 256 << 10;

/// One line, still in the reader's buffer.
pub struct Line<'a> {
    /// Number in the segment, from 1.
    pub number: u64,
    /// Where it begins in the decompressed segment, in bytes.
    pub offset: u64,
    /// Whether a newline ends it. The last line of a log that was cut has none.
    pub complete: bool,
    buffer: &'a mut [u8],
    len: usize,
}

impl Line<'_> {
    /// The line without its newline.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[..self.len]
    }

    /// The line and what stands behind it in the buffer: always more bytes, never its own.
    pub(crate) fn behind(&self) -> &[u8] {
        self.buffer
    }

    /// The line's length and its bytes followed by the padding that the parser reads over.
    pub(crate) fn padded(&mut self) -> (&mut [u8], usize) {
        (self.buffer, self.len)
    }
}

/// What ends or interrupts a walk over lines.
#[derive(Debug, Error)]
pub enum LineError {
    /// The line is longer than the limit; it was passed over and the next one follows.
    #[error("line is longer than {limit} bytes")]
    TooLong {
        /// Number of the line, from 1.
        number: u64,
        /// Where the line begins in the decompressed segment.
        offset: u64,
        /// The limit that it exceeds.
        limit: usize,
    },
    /// The stream ends in the middle of a compressed frame: all whole lines were given.
    #[error("truncated: {0}")]
    Truncated(io::Error),
    /// The bytes are not what the codec writes from here on.
    #[error("damaged: {0}")]
    Damaged(io::Error),
    /// Reading failed for a reason outside the bytes; it may succeed later.
    #[error("reading: {0}")]
    Io(io::Error),
}

impl LineError {
    fn from_io(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Truncated(error),
            io::ErrorKind::InvalidData => Self::Damaged(error),
            _ => Self::Io(error),
        }
    }
}

/// The lines of a segment. Memory is one buffer, as long as the longest line within the limit.
pub struct Lines<R> {
    input: R,
    /// Always [`INPUT_PADDING`] longer than what it may hold.
    buffer: Vec<u8>,
    filled: Range<usize>,
    /// Offset of `filled.start` in the stream.
    offset: u64,
    number: u64,
    limit: usize,
    /// The stream has ended; the error, if any, is still to be told.
    ended: bool,
    error: Option<io::Error>,
}

impl<R: Read> Lines<R> {
    /// Cuts `input` into lines of at most `limit` bytes.
    pub fn new(input: R, limit: usize) -> Self {
        Self {
            input,
            buffer: vec![0; BUFFER_BYTES + INPUT_PADDING],
            filled: 0..0,
            offset: 0,
            number: 0,
            limit,
            ended: false,
            error: None,
        }
    }

    /// Decompressed bytes that have been walked over.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The next line that is not blank. `None` at the end, after any error was told once.
    pub fn next_line(&mut self) -> Option<Result<Line<'_>, LineError>> {
        loop {
            let (range, complete) = match self.find_line() {
                Found::Line { range, complete } => (range, complete),
                Found::TooLong { offset } => {
                    return Some(Err(LineError::TooLong {
                        number: self.number,
                        offset,
                        limit: self.limit,
                    }));
                }
                Found::End => return self.error.take().map(|e| Err(LineError::from_io(e))),
            };
            let offset = self.offset - (self.filled.start - range.start) as u64;
            if self.buffer[range.clone()].iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            return Some(Ok(Line {
                number: self.number,
                offset,
                complete,
                len: range.len(),
                buffer: &mut self.buffer[range.start..range.end + INPUT_PADDING],
            }));
        }
    }

    /// Walks over one line and leaves it in the buffer.
    fn find_line(&mut self) -> Found {
        let mut searched = 0;
        loop {
            let unread = &self.buffer[self.filled.clone()];
            if let Some(at) = memchr::memchr(b'\n', &unread[searched..]) {
                return self.take(searched + at, 1, true);
            }
            searched = unread.len();
            if searched > self.limit {
                return self.pass_over();
            }
            if self.ended {
                return if searched == 0 { Found::End } else { self.take(searched, 0, false) };
            }
            self.fill();
        }
    }

    fn take(&mut self, len: usize, newline: usize, complete: bool) -> Found {
        let start = self.filled.start;
        self.advance(len + newline);
        self.number += 1;
        if len > self.limit {
            return Found::TooLong { offset: self.offset - (len + newline) as u64 };
        }
        Found::Line { range: start..start + len, complete }
    }

    /// Drops bytes up to and including the next newline.
    fn pass_over(&mut self) -> Found {
        let offset = self.offset;
        self.number += 1;
        loop {
            let unread = &self.buffer[self.filled.clone()];
            if let Some(at) = memchr::memchr(b'\n', unread) {
                self.advance(at + 1);
                return Found::TooLong { offset };
            }
            self.advance(unread.len());
            if self.ended {
                return Found::TooLong { offset };
            }
            self.fill();
        }
    }

    fn advance(&mut self, bytes: usize) {
        self.filled.start += bytes;
        self.offset += bytes as u64;
    }

    /// Reads more behind what is there, first moving that to the front or growing the buffer.
    fn fill(&mut self) {
        if self.filled.start > 0 {
            self.buffer.copy_within(self.filled.clone(), 0);
            self.filled = 0..self.filled.len();
        }
        if self.filled.end + INPUT_PADDING == self.buffer.len() {
            let grown = (self.buffer.len() - INPUT_PADDING) * 2 + INPUT_PADDING;
            self.buffer.resize(grown, 0);
        }
        let end = self.buffer.len() - INPUT_PADDING;
        match self.input.read(&mut self.buffer[self.filled.end..end]) {
            Ok(0) => self.ended = true,
            Ok(read) => self.filled.end += read,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => {
                self.ended = true;
                self.error = Some(e);
            }
        }
    }
}

enum Found {
    Line { range: Range<usize>, complete: bool },
    TooLong { offset: u64 },
    End,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that gives `step` bytes at a time and then the error, if there is one.
    struct Dripping<'a>(&'a [u8], usize, Option<io::ErrorKind>);

    impl Read for Dripping<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty()
                && let Some(kind) = self.2.take()
            {
                return Err(kind.into());
            }
            let n = self.1.min(out.len()).min(self.0.len());
            out[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    fn walk(mut lines: Lines<impl Read>) -> Vec<String> {
        let mut seen = Vec::new();
        while let Some(line) = lines.next_line() {
            seen.push(match line {
                Ok(l) => format!(
                    "{}@{}{} {}",
                    l.number,
                    l.offset,
                    if l.complete { "" } else { "!" },
                    String::from_utf8_lossy(l.bytes())
                ),
                Err(e) => e.to_string(),
            });
        }
        seen
    }

    #[test]
    fn lines_have_numbers_and_offsets() {
        let text = b"one\n\ntwo\r\nthree";
        let expected = ["1@0 one", "3@5 two\r", "4@10! three"];
        for step in [1, 2, 3, 100] {
            assert_eq!(walk(Lines::new(Dripping(text, step, None), 100)), expected);
        }
    }

    #[test]
    fn an_error_comes_after_the_bytes_before_it() {
        let kind = Some(io::ErrorKind::UnexpectedEof);
        assert_eq!(
            walk(Lines::new(Dripping(b"one\ntw", 3, kind), 100)),
            ["1@0 one", "2@4! tw", "truncated: unexpected end of file"]
        );
    }

    #[test]
    fn a_line_over_the_limit_is_passed_over() {
        let text = b"one\n0123456789\ntwo\n";
        for step in [1, 4, 100] {
            assert_eq!(
                walk(Lines::new(Dripping(text, step, None), 5)),
                ["1@0 one", "line is longer than 5 bytes", "3@15 two"]
            );
        }
    }

    #[test]
    fn a_line_may_be_longer_than_the_buffer() {
        let long = "x".repeat(3 * BUFFER_BYTES);
        let text = format!("a\n{long}\nb\n");
        let seen = walk(Lines::new(text.as_bytes(), 4 * BUFFER_BYTES));
        assert_eq!(seen.len(), 3);
        assert_eq!(seen[1].len(), "2@2 ".len() + long.len());
        assert_eq!(seen[2], format!("3@{} b", 3 + long.len()));
    }
}
