//! A segment's bytes, unpacked.

use std::io::{self, Read};

use thiserror::Error;

use super::blocks::Blocks;
use super::gzip::Gzip;
use super::source::Source;
use super::zstd::Zstd;
use super::{Codec, lz4, lzf, magic, snappy};

/// Why a segment cannot be opened.
#[derive(Debug, Error)]
pub enum CodecError {
    /// The first bytes, which tell the codec, cannot be read.
    #[error("reading the first bytes: {0}")]
    Read(io::Error),
    /// The decoder could not be set up.
    #[error("starting the {0} decoder: {1}")]
    Start(Codec, io::Error),
}

/// A segment's decompressed bytes.
///
/// A stream that ends in the middle of a block gives every whole block before the cut and then an
/// error of kind [`io::ErrorKind::UnexpectedEof`]; damage inside gives
/// [`io::ErrorKind::InvalidData`]. Both are final: reading on gives the same error again.
pub struct Input<R> {
    codec: Codec,
    stream: Stream<R>,
    failure: Option<(io::ErrorKind, String)>,
}

enum Stream<R> {
    Plain(Source<R>),
    Zstd(Zstd<R>),
    Blocks(Blocks<R>),
    Gzip(Box<Gzip<R>>),
}

/// Undoes the compression of a segment whose name says that its codec is `named`.
///
/// The first bytes have the last word: [`Input::codec`] is what was found.
///
/// # Errors
///
/// [`CodecError::Read`] where the first bytes cannot be read.
pub fn open<R: Read>(named: Codec, bytes: R) -> Result<Input<R>, CodecError> {
    let mut source = Source::new(bytes);
    let head = source.peek(magic::BYTES).map_err(CodecError::Read)?;
    let codec = magic::codec(named, head);
    let stream = match codec {
        Codec::None => Stream::Plain(source),
        Codec::Zstd => {
            Stream::Zstd(Zstd::new(source).map_err(|error| CodecError::Start(codec, error))?)
        }
        Codec::Lz4 => Stream::Blocks(Blocks::new(&lz4::FORMAT, source)),
        Codec::Snappy => Stream::Blocks(Blocks::new(&snappy::FORMAT, source)),
        Codec::Lzf => Stream::Blocks(Blocks::new(&lzf::FORMAT, source)),
        Codec::Gzip => Stream::Gzip(Box::new(Gzip::new(source))),
    };
    Ok(Input { codec, stream, failure: None })
}

impl<R> Input<R> {
    /// The codec that the segment has, whatever its name says.
    pub fn codec(&self) -> Codec {
        self.codec
    }
}

impl<R: Read> Read for Input<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if let Some((kind, what)) = &self.failure {
            return Err(io::Error::new(*kind, what.clone()));
        }
        let read = match &mut self.stream {
            Stream::Plain(bytes) => bytes.read(out),
            Stream::Zstd(frames) => frames.read(out),
            Stream::Blocks(blocks) => blocks.read(out),
            Stream::Gzip(members) => members.read(out),
        };
        if let Err(error) = &read
            && let kind @ (io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData) = error.kind()
        {
            self.failure = Some((kind, error.to_string()));
        }
        read
    }
}
