//! Streams of blocks, each behind a header that says how long it is.

use std::borrow::Cow;
use std::io::{self, Read};
use std::ops::Range;

use super::source::Source;

/// No block is longer, packed or not: as lz4-java has it, and far more than Spark asks of the
/// others (32 KiB unless set otherwise).
pub(super) const BLOCK_BYTES: usize = 32 << 20;

/// How a codec cuts its stream into blocks.
pub(super) struct Format {
    /// The codec, as messages call it.
    pub(super) name: &'static str,
    /// As many bytes `part` has to see, where the stream still has them.
    pub(super) lookahead: usize,
    /// Says what the bytes begin with. They are never empty.
    pub(super) part: fn(&[u8]) -> Result<Part, Flaw>,
    pub(super) unpack: Unpack,
}

/// Unpacks a block, given its header and what follows it, into exactly the last slice.
pub(super) type Unpack = fn(&[u8], &[u8], &mut [u8]) -> Result<(), Damage>;

/// What the next bytes of a stream are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// So many bytes without data: the stream's header, an end mark.
    Mark(usize),
    /// A block, with the lengths of its header, of what follows it, and of that unpacked.
    Block { header: usize, packed: usize, plain: usize },
}

/// Why the next bytes of a stream are no part of it.
#[derive(Debug)]
pub(super) enum Flaw {
    /// The stream ends before its part does.
    Cut,
    /// The codec never writes that.
    Damage(Damage),
}

/// What is wrong with a block.
pub(super) type Damage = Cow<'static, str>;

impl From<Damage> for Flaw {
    fn from(damage: Damage) -> Self {
        Self::Damage(damage)
    }
}

/// Fails where `head` neither begins with `magic` nor ends within it.
pub(super) fn expect(magic: &[u8], head: &[u8]) -> Result<(), Damage> {
    let known = magic.len().min(head.len());
    if head[..known] == magic[..known] { Ok(()) } else { Err("no block begins".into()) }
}

/// The number of bytes that a header claims, if it is within `limit`.
pub(super) fn length(claimed: u32, limit: usize) -> Result<usize, Damage> {
    usize::try_from(claimed)
        .ok()
        .filter(|length| *length <= limit)
        .ok_or_else(|| format!("a block claims {claimed} bytes (limit {limit})").into())
}

/// Blocks unpacked straight into the reader's buffer where that has room for a whole one.
pub(super) struct Blocks<R> {
    format: &'static Format,
    source: Source<R>,
    /// A block that was longer than the reader's buffer; never shrinks.
    plain: Vec<u8>,
    /// What of it was not read yet.
    rest: Range<usize>,
}

impl<R: Read> Blocks<R> {
    pub(super) fn new(format: &'static Format, source: Source<R>) -> Self {
        Self { format, source, plain: Vec::new(), rest: 0..0 }
    }

    /// Unpacks the next block, into `out` if it is long enough. Gives the bytes put there, and
    /// `None` at the end of the stream.
    fn block(&mut self, out: &mut [u8]) -> io::Result<Option<usize>> {
        let Format { name, lookahead, part, unpack } = *self.format;
        let at = self.source.offset();
        let head = self.source.peek(lookahead)?;
        if head.is_empty() {
            return Ok(None);
        }
        let (header, packed, plain) = match part(head) {
            Ok(Part::Block { header, packed, plain }) => (header, packed, plain),
            Ok(Part::Mark(len)) => {
                self.source.advance(len);
                return Ok(Some(0));
            }
            Err(Flaw::Cut) => return Err(cut(name, at)),
            Err(Flaw::Damage(damage)) => return Err(damaged(name, at, &damage)),
        };
        let whole = header + packed;
        let bytes = self.source.peek(whole)?;
        if bytes.len() < whole {
            return Err(cut(name, at));
        }
        let direct = plain <= out.len();
        let into = if direct {
            &mut out[..plain]
        } else {
            if self.plain.len() < plain {
                self.plain.resize(plain, 0);
            }
            &mut self.plain[..plain]
        };
        unpack(&bytes[..header], &bytes[header..whole], into)
            .map_err(|damage| damaged(name, at, &damage))?;
        self.source.advance(whole);
        if direct {
            return Ok(Some(plain));
        }
        self.rest = 0..plain;
        Ok(Some(0))
    }
}

impl<R: Read> Read for Blocks<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        while self.rest.is_empty() {
            match self.block(out)? {
                Some(0) => {}
                Some(written) => return Ok(written),
                None => return Ok(0),
            }
        }
        let read = self.rest.len().min(out.len());
        out[..read].copy_from_slice(&self.plain[self.rest.start..][..read]);
        self.rest.start += read;
        Ok(read)
    }
}

fn cut(name: &str, at: u64) -> io::Error {
    let what = format!("the {name} stream ends within the block at byte {at}");
    io::Error::new(io::ErrorKind::UnexpectedEof, what)
}

fn damaged(name: &str, at: u64, damage: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{name}: {damage} at byte {at}"))
}
