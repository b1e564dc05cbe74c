//! Compression of event logs, named by the last part of a file's name and told by its first bytes.
//!
//! Spark compresses a log with `spark.eventLog.compression.codec` and names the file after the
//! codec's short name (`CompressionCodec.getShortName`): `.zstd`, `.lz4`, `.snappy`, `.lzf`.

mod blocks;
mod gzip;
mod input;
mod lz4;
mod lzf;
mod magic;
mod snappy;
mod source;
mod zstd;

use std::fmt;

pub use input::{CodecError, Input, open};

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
