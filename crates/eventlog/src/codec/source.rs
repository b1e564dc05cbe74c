//! Compressed bytes, looked at before they are taken.

use std::io::{self, BufRead, Read};
use std::ops::Range;

/// Enough for one zstd block (`ZSTD_BLOCKSIZE_MAX`), so that a block needs one read.
const BUFFER_BYTES: usize = 128 << 10;

/// A reader whose next bytes can be seen without taking them, and that knows where it is.
///
/// Nothing is lost when reading fails: what was there stays, and the next call reads on.
pub(super) struct Source<R> {
    bytes: R,
    buffer: Vec<u8>,
    filled: Range<usize>,
    /// Offset of `filled.start` in the stream.
    offset: u64,
    ended: bool,
}

impl<R> Source<R> {
    pub(super) fn new(bytes: R) -> Self {
        Self { bytes, buffer: vec![0; BUFFER_BYTES], filled: 0..0, offset: 0, ended: false }
    }

    /// How many bytes were taken.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Takes `len` of the bytes that were seen.
    pub(super) fn advance(&mut self, len: usize) {
        self.filled.start += len;
        self.offset += len as u64;
    }
}

impl<R: Read> Source<R> {
    /// The next bytes: at least `len`, fewer only where the stream ends.
    pub(super) fn peek(&mut self, len: usize) -> io::Result<&[u8]> {
        while self.filled.len() < len && !self.ended {
            self.fill(len)?;
        }
        Ok(&self.buffer[self.filled.clone()])
    }

    /// Reads once behind what is there, so that in the end `len` bytes stand in one piece.
    fn fill(&mut self, len: usize) -> io::Result<()> {
        if self.filled.is_empty() {
            self.filled = 0..0;
        } else if self.filled.start > 0 && self.filled.start + len > self.buffer.len() {
            self.buffer.copy_within(self.filled.clone(), 0);
            self.filled = 0..self.filled.len();
        }
        if self.filled.end == self.buffer.len() {
            // By doubling and not up to `len`: a length that is a lie costs no more memory than
            // the stream has bytes.
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        let read = read_once(&mut self.bytes, &mut self.buffer[self.filled.end..])?;
        self.filled.end += read;
        self.ended = read == 0;
        Ok(())
    }
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = if self.filled.is_empty() {
            if self.ended {
                return Ok(0);
            }
            // Past the buffer, which saves a copy.
            let read = read_once(&mut self.bytes, out)?;
            self.offset += read as u64;
            read
        } else {
            let read = self.filled.len().min(out.len());
            out[..read].copy_from_slice(&self.buffer[self.filled.start..][..read]);
            self.advance(read);
            read
        };
        Ok(read)
    }
}

impl<R: Read> BufRead for Source<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.peek(1)
    }

    fn consume(&mut self, len: usize) {
        self.advance(len);
    }
}

fn read_once(bytes: &mut impl Read, out: &mut [u8]) -> io::Result<usize> {
    loop {
        match bytes.read(out) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_stays_until_it_is_taken() {
        let bytes: Vec<u8> = (0..=255).cycle().take(3 * BUFFER_BYTES).collect();
        let mut source = Source::new(&bytes[..]);
        source.peek(1).expect("a slice can be read");
        source.advance(100);
        let seen = source.peek(2 * BUFFER_BYTES).expect("a slice can be read");
        assert!(seen.len() >= 2 * BUFFER_BYTES);
        assert!(bytes[100..].starts_with(seen));
        assert_eq!(source.offset(), 100);
        let mut rest = Vec::new();
        source.read_to_end(&mut rest).expect("a slice can be read");
        assert_eq!(rest, bytes[100..]);
        assert_eq!(source.offset(), bytes.len() as u64);
    }

    #[test]
    fn a_length_that_is_a_lie_costs_little() {
        let mut source = Source::new(&[7; 1000][..]);
        assert_eq!(source.peek(1 << 30).expect("a slice can be read").len(), 1000);
        assert_eq!(source.buffer.len(), BUFFER_BYTES);
    }
}
