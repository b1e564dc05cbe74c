//! Which codec a segment has, by its first bytes.
//!
//! A name is not enough: the History Server compresses what it compacts with its own setting and
//! keeps the application's extension (`.lz4.compact` that is zstd), and people pack and unpack
//! logs without renaming them.

use super::{Codec, lz4, lzf, snappy};

/// So many bytes tell every codec.
pub(super) const BYTES: usize = 8;

const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
const GZIP: &[u8] = &[0x1f, 0x8b];

/// The codec of a segment that begins with `head`; the name's where its bytes do not tell.
pub(super) fn codec(named: Codec, head: &[u8]) -> Codec {
    // Two letters alone could begin other things.
    let is_lzf =
        head.starts_with(lzf::MAGIC) && matches!(head.get(2), Some(&(lzf::RAW | lzf::PACKED)));
    match head {
        // No codec begins so, and every event does.
        [b'{', ..] => Codec::None,
        _ if head.starts_with(ZSTD) => Codec::Zstd,
        _ if head.starts_with(lz4::MAGIC) => Codec::Lz4,
        _ if head.starts_with(snappy::MAGIC) => Codec::Snappy,
        _ if is_lzf => Codec::Lzf,
        _ if head.starts_with(GZIP) => Codec::Gzip,
        _ => named,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Codec; 6] =
        [Codec::None, Codec::Zstd, Codec::Lz4, Codec::Snappy, Codec::Lzf, Codec::Gzip];

    #[test]
    fn the_bytes_go_before_the_name() {
        for (head, expected) in [
            (&b"\x28\xb5\x2f\xfd\0\x48\xd1\x01"[..], Codec::Zstd),
            (b"LZ4Block", Codec::Lz4),
            (b"\x82SNAPPY\0", Codec::Snappy),
            (b"ZV\0\0\x3a{\"E", Codec::Lzf),
            (b"ZV\x01\x3a\x53\xff\xff", Codec::Lzf),
            (b"\x1f\x8b\x08\0\0\0\0\0", Codec::Gzip),
            (b"{\"Event\"", Codec::None),
        ] {
            for named in ALL {
                assert_eq!(codec(named, head), expected, "{head:x?} named {named}");
            }
        }
    }

    #[test]
    fn bytes_that_tell_nothing_leave_the_name() {
        for head in [&b""[..], b"\n{\"Event\"", b"\x28\xb5", b"LZ4", b"ZV", b"ZVV", b"\x82SNAP"] {
            for named in ALL {
                assert_eq!(codec(named, head), named, "{head:x?}");
            }
        }
    }
}
