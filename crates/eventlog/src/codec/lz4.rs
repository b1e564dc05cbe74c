//! lz4-java's `LZ4BlockOutputStream`: the magic `LZ4Block`, a token for method and block size, the
//! packed and the plain length, a checksum of the plain bytes (all little-endian), then the block.
//! A block of no bytes ends a stream; another may follow it.

use lz4_flex::block::decompress_into;
use twox_hash::XxHash32;

use super::blocks::{BLOCK_BYTES, Damage, Flaw, Format, Part, expect, length};

pub(super) const MAGIC: &[u8] = b"LZ4Block";

pub(super) const FORMAT: Format = Format { name: "lz4", lookahead: HEADER_BYTES, part, unpack };

const HEADER_BYTES: usize = 21;

/// `LZ4BlockOutputStream.DEFAULT_SEED`.
const SEED: u32 = 0x9747_b28c;

/// `StreamingXXHash32.asChecksum` drops the highest four bits.
const CHECKSUM_MASK: u32 = 0x0fff_ffff;

/// The token's method: the bytes as they are, where packing them gained nothing.
const RAW: u8 = 0x10;

/// The token's method: one lz4 block.
const LZ4: u8 = 0x20;

struct Header {
    method: u8,
    /// The longest block of the stream.
    limit: usize,
    packed: u32,
    plain: u32,
    checksum: u32,
}

impl Header {
    fn read(head: &[u8]) -> Option<Self> {
        let head: &[u8; HEADER_BYTES] = head.first_chunk()?;
        let token = head[8];
        let number =
            |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        Some(Self {
            method: token & 0xf0,
            limit: 1 << (10 + (token & 0x0f)),
            packed: number(9),
            plain: number(13),
            checksum: number(17),
        })
    }
}

fn part(head: &[u8]) -> Result<Part, Flaw> {
    expect(MAGIC, head)?;
    let header = Header::read(head).ok_or(Flaw::Cut)?;
    let plain = length(header.plain, header.limit.min(BLOCK_BYTES))?;
    // What lz4 makes of bytes that it cannot pack.
    let packed = length(header.packed, plain + plain / 255 + 16)?;
    match (header.method, plain, packed) {
        (RAW | LZ4, 0, 0) if header.checksum == 0 => Ok(Part::Mark(HEADER_BYTES)),
        (RAW, 1.., _) if packed == plain => Ok(Part::Block { header: HEADER_BYTES, packed, plain }),
        (LZ4, 1.., 1..) => Ok(Part::Block { header: HEADER_BYTES, packed, plain }),
        (RAW | LZ4, ..) => Err(Flaw::Damage(
            format!("a block's lengths ({packed} packed, {plain} plain) cannot be").into(),
        )),
        (method, ..) => Err(Flaw::Damage(format!("unknown method {method:#04x}").into())),
    }
}

fn unpack(header: &[u8], packed: &[u8], plain: &mut [u8]) -> Result<(), Damage> {
    let header = Header::read(header).ok_or("a block has no header")?;
    if header.method == RAW {
        plain.copy_from_slice(packed);
    } else {
        let written = decompress_into(packed, plain).map_err(|error| error.to_string())?;
        if written != plain.len() {
            return Err(format!("a block has {written} bytes and claims {}", plain.len()).into());
        }
    }
    let checksum = XxHash32::oneshot(SEED, plain) & CHECKSUM_MASK;
    if checksum != header.checksum {
        return Err(format!(
            "checksum mismatch (stored {:#010x}, computed {checksum:#010x})",
            header.checksum
        )
        .into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "{\"Event\":\"SparkListenerTaskEnd\",\"Stage ID\":0}\n";

    /// What lz4-java 1.8.0 makes, as Spark 4.0 uses it, of four times [`LINE`], and its end mark.
    const STREAM: &[u8] = b"LZ4Block\x25\x39\0\0\0\xb8\0\0\0\x96\x85\x08\x0e\
        \xff\x1f{\"Event\":\"SparkListenerTaskEnd\",\"Stage ID\":0}\n\x2e\0\x72\x50\x22:0}\n\
        LZ4Block\x15\0\0\0\0\0\0\0\0\0\0\0\0";

    /// The known stream's first header with other bytes at a place of it.
    fn changed(at: usize, bytes: &[u8]) -> Result<Part, Flaw> {
        let mut head = STREAM[..HEADER_BYTES].to_vec();
        head[at..at + bytes.len()].copy_from_slice(bytes);
        part(&head)
    }

    #[test]
    fn a_stream_of_sparks_is_known() {
        let found = part(&STREAM[..HEADER_BYTES]).expect("a block begins");
        assert_eq!(found, Part::Block { header: HEADER_BYTES, packed: 57, plain: 184 });
        let (header, packed) = STREAM.split_at(HEADER_BYTES);
        let mut plain = vec![0; 184];
        unpack(header, &packed[..57], &mut plain).expect("the block is whole");
        assert_eq!(plain, LINE.repeat(4).as_bytes());
        let end = part(&packed[57..]).expect("the end mark follows");
        assert_eq!(end, Part::Mark(HEADER_BYTES));
    }

    #[test]
    fn a_wrong_checksum_is_damage() {
        let mut header = STREAM[..HEADER_BYTES].to_vec();
        header[17] ^= 1;
        let damage = unpack(&header, &STREAM[HEADER_BYTES..][..57], &mut [0; 184]);
        let what = "checksum mismatch (stored 0x0e088597, computed 0x0e088596)";
        assert_eq!(damage.expect_err("a bit was changed"), what);
    }

    #[test]
    fn headers_that_cannot_be_are_damage() {
        for (at, bytes) in [
            (0, &b"lz4"[..]),
            (8, b"\x35"),          // method
            (8, b"\x15"),          // raw, but of two lengths
            (9, b"\0"),            // nothing packed, but something plain
            (9, b"\xff\xff\xff"),  // longer than the worst case
            (13, b"\0"),           // nothing plain, but something packed
            (13, b"\x01\x80\0\0"), // longer than the stream's blocks
            (13, b"\0\0\0\xff"),   // negative, as Java has it
        ] {
            assert!(matches!(changed(at, bytes), Err(Flaw::Damage(_))), "{bytes:x?} at {at}");
        }
        assert!(matches!(part(&STREAM[..20]), Err(Flaw::Cut)));
        assert!(matches!(part(b"LZ5"), Err(Flaw::Damage(_))));
    }
}
