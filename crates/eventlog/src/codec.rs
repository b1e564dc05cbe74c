//! Compression of event logs, named by the last part of a file's name.
//!
//! Spark compresses a log with `spark.eventLog.compression.codec` and names the file after the
//! codec's short name (`CompressionCodec.getShortName`): `.zstd`, `.lz4`, `.snappy`, `.lzf`.

use std::fmt;
use std::io::{self, Read};

use thiserror::Error;
use zstd::stream::raw::{Decoder as ZstdDecoder, InBuffer, Operation, OutBuffer};

/// How the bytes of a segment are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// Not compressed.
    None,
    /// Zstandard, one or many frames.
    Zstd,
    /// lz4-java's `LZ4Block` stream (not the lz4 frame format).
    Lz4,
    /// snappy-java's stream.
    Snappy,
    /// compress-lzf chunks.
    Lzf,
    /// gzip, which Spark never writes but archivers do.
    Gzip,
}

impl Codec {
    /// The codec that a file-name extension stands for; `None` where it is no codec's.
    pub fn from_extension(extension: &str) -> Option<Self> {
        Some(match extension {
            "zstd" | "zst" => Self::Zstd,
            "lz4" => Self::Lz4,
            "snappy" => Self::Snappy,
            "lzf" => Self::Lzf,
            "gz" | "gzip" => Self::Gzip,
            _ => return None,
        })
    }

    /// Spark's short name of the codec, `none` without one.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Zstd => "zstd",
            Self::Lz4 => "lz4",
            Self::Snappy => "snappy",
            Self::Lzf => "lzf",
            Self::Gzip => "gzip",
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a segment cannot be opened.
#[derive(Debug, Error)]
pub enum CodecError {
    /// The codec has no decoder in this version.
    #[error("codec {0} cannot be read yet (readable: none, zstd)")]
    Unsupported(Codec),
    /// The decoder could not be set up.
    #[error("starting the {0} decoder: {1}")]
    Start(Codec, io::Error),
}

/// A segment's decompressed bytes.
///
/// A stream that ends in the middle of a frame gives every byte before the cut and then an error
/// of kind [`io::ErrorKind::UnexpectedEof`]; damage inside gives [`io::ErrorKind::InvalidData`].
pub enum Input<R> {
    /// The bytes as they are.
    Plain(R),
    /// Zstandard frames, one after the other.
    Zstd(Zstd<R>),
}

/// Undoes the compression of a segment.
///
/// # Errors
///
/// [`CodecError::Unsupported`] for a codec that has no decoder yet.
pub fn open<R: Read>(codec: Codec, bytes: R) -> Result<Input<R>, CodecError> {
    match codec {
        Codec::None => Ok(Input::Plain(bytes)),
        Codec::Zstd => {
            let decoder = ZstdDecoder::new().map_err(|e| CodecError::Start(codec, e))?;
            Ok(Input::Zstd(Zstd {
                compressed: bytes,
                decoder,
                buffer: vec![0; ZSTD_INPUT_BYTES],
                start: 0,
                end: 0,
                in_frame: false,
                more_output: false,
            }))
        }
        other => Err(CodecError::Unsupported(other)),
    }
}

impl<R: Read> Read for Input<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(bytes) => bytes.read(out),
            Self::Zstd(frames) => frames.read(out),
        }
    }
}

/// Enough for one zstd block (`ZSTD_BLOCKSIZE_MAX`), so that a block needs one read.
const ZSTD_INPUT_BYTES: usize = 128 << 10;

/// Zstandard frames decoded straight into the reader's buffer.
pub struct Zstd<R> {
    compressed: R,
    decoder: ZstdDecoder<'static>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    in_frame: bool,
    /// The last call filled the output, so the decoder may hold more without further input.
    more_output: bool,
}

impl<R: Read> Read for Zstd<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            if self.start == self.end && !self.more_output {
                self.start = 0;
                self.end = self.compressed.read(&mut self.buffer)?;
                if self.end == 0 {
                    return if self.in_frame {
                        Err(io::Error::new(
                            io::ErrorKind::UnexpectedEof,
                            "the last zstd frame is cut short",
                        ))
                    } else {
                        Ok(0)
                    };
                }
            }
            let mut input = InBuffer::around(&self.buffer[self.start..self.end]);
            let mut output = OutBuffer::around(&mut *out);
            let hint = self
                .decoder
                .run(&mut input, &mut output)
                .map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
            self.start += input.pos();
            let written = output.pos();
            self.in_frame = hint != 0;
            self.more_output = written == out.len() && self.in_frame;
            if written > 0 {
                return Ok(written);
            }
            self.more_output = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames() -> (Vec<u8>, Vec<u8>) {
        let mut plain = Vec::new();
        let mut packed = Vec::new();
        for n in 0..3 {
            let part: Vec<u8> = (0..300_000).map(|i| (i * (n + 3) / 7 % 251) as u8).collect();
            packed.extend(zstd::encode_all(&part[..], 1).expect("zstd encodes"));
            plain.extend(part);
        }
        (plain, packed)
    }

    #[test]
    fn frames_follow_each_other() {
        let (plain, packed) = frames();
        let mut out = Vec::new();
        open(Codec::Zstd, &packed[..])
            .expect("zstd opens")
            .read_to_end(&mut out)
            .expect("whole frames decode");
        assert_eq!(out, plain);
    }

    #[test]
    fn a_cut_stream_gives_what_was_before_the_cut() {
        let (plain, packed) = frames();
        let mut out = Vec::new();
        let cut = packed.len() - packed.len() / 6;
        let error = open(Codec::Zstd, &packed[..cut])
            .expect("zstd opens")
            .read_to_end(&mut out)
            .expect_err("the cut is reported");
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert!(out.len() >= 600_000, "two whole frames came before");
        assert!(plain.starts_with(&out));
    }

    #[test]
    fn damage_is_invalid_data() {
        let error = open(Codec::Zstd, &b"{\"Event\":\"SparkListenerLogStart\"}"[..])
            .expect("zstd opens")
            .read_to_end(&mut Vec::new())
            .expect_err("that is no zstd");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
