//! snappy-java's `SnappyOutputStream`: a header of magic, version and lowest compatible version,
//! then raw snappy blocks, each behind its length (all big-endian). Where streams were joined, the
//! header stands in place of a length.

use snap::raw::{Decoder, decompress_len, max_compress_len};

use super::blocks::{BLOCK_BYTES, Damage, Flaw, Format, Part, expect, length};

pub(super) const MAGIC: &[u8] = b"\x82SNAPPY\0";

pub(super) const FORMAT: Format = Format { name: "snappy", lookahead: HEADER_BYTES, part, unpack };

const HEADER_BYTES: usize = 16;

const LENGTH_BYTES: usize = 4;

/// A block begins with its plain length, a number of at most so many bytes.
const VARINT_BYTES: usize = 5;

fn part(head: &[u8]) -> Result<Part, Flaw> {
    let (claimed, block) = head.split_first_chunk::<LENGTH_BYTES>().ok_or(Flaw::Cut)?;
    if MAGIC.starts_with(claimed) {
        expect(MAGIC, head)?;
        return if head.len() < HEADER_BYTES {
            Err(Flaw::Cut)
        } else {
            Ok(Part::Mark(HEADER_BYTES))
        };
    }
    let packed = length(u32::from_be_bytes(*claimed), max_compress_len(BLOCK_BYTES))?;
    if packed == 0 {
        return Err(Flaw::Damage("a block claims no bytes".into()));
    }
    let known = packed.min(VARINT_BYTES);
    let number = block.get(..known).ok_or(Flaw::Cut)?;
    let plain = decompress_len(number).map_err(damage)?;
    if plain > BLOCK_BYTES {
        let what = format!("a block claims {plain} bytes (limit {BLOCK_BYTES})");
        return Err(Flaw::Damage(what.into()));
    }
    Ok(Part::Block { header: LENGTH_BYTES, packed, plain })
}

fn unpack(_: &[u8], packed: &[u8], plain: &mut [u8]) -> Result<(), Damage> {
    // It writes as many bytes as the block claims or fails.
    Decoder::new().decompress(packed, plain).map(drop).map_err(damage)
}

fn damage(error: snap::Error) -> Damage {
    error.to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "{\"Event\":\"SparkListenerTaskEnd\",\"Stage ID\":0}\n";

    /// What snappy-java 1.1.10 makes, as Spark 4.0 uses it, of four times [`LINE`].
    const STREAM: &[u8] = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01\0\0\0\x3a\
        \xb8\x01\xb8{\"Event\":\"SparkListenerTaskEnd\",\"Stage ID\":0}\n{\xfe\x2e\0\xfe\x2e\0\x15\x2e";

    #[test]
    fn a_stream_of_sparks_is_known() {
        assert_eq!(part(STREAM).expect("the header begins"), Part::Mark(HEADER_BYTES));
        let chunk = &STREAM[HEADER_BYTES..];
        let found = part(&chunk[..HEADER_BYTES]).expect("a block begins");
        assert_eq!(found, Part::Block { header: LENGTH_BYTES, packed: 58, plain: 184 });
        let mut plain = vec![0; 184];
        unpack(&[], &chunk[LENGTH_BYTES..], &mut plain).expect("the block is whole");
        assert_eq!(plain, LINE.repeat(4).as_bytes());
    }

    #[test]
    fn headers_that_cannot_be_are_damage() {
        for head in [
            &b"\x82SNOPPY\0\0\0\0\x01\0\0\0\x01"[..],
            b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", // an empty block
            b"\x7f\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0", // longer packed than any
            b"\0\0\0\x3a\xff\xff\xff\xff\x0f\0\0\0", // longer plain than any
            b"\0\0\0\x3a\xff\xff\xff\xff\xff\xff\0\0", // no number
        ] {
            assert!(matches!(part(head), Err(Flaw::Damage(_))), "{head:x?}");
        }
        for head in
            [&b"\0\0\0"[..], b"\x82SNAPPY\0\0\0\0\x01", b"\0\0\0\x3a", b"\0\0\0\x3a\xb8\x01"]
        {
            assert!(matches!(part(head), Err(Flaw::Cut)), "{head:x?}");
        }
    }
}
