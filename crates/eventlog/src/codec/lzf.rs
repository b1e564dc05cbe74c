//! compress-lzf's chunks: the magic `ZV`, a type, the packed length and, where the chunk is packed
//! at all, the plain length (all big-endian), then the block.
//!
//! The blocks are LibLZF's. Its one port to Rust is no longer kept, and its format is three kinds of
//! instruction, so the decoder is here.

use super::blocks::{Damage, Flaw, Format, Part, expect};

pub(super) const MAGIC: &[u8] = b"ZV";

pub(super) const FORMAT: Format = Format { name: "lzf", lookahead: 7, part, unpack };

/// The chunk's type: its bytes as they are.
pub(super) const RAW: u8 = 0;

/// The chunk's type: one LZF block.
pub(super) const PACKED: u8 = 1;

fn part(head: &[u8]) -> Result<Part, Flaw> {
    expect(MAGIC, head)?;
    let length = |at: usize| {
        let bytes = head.get(at..at + 2).ok_or(Flaw::Cut)?;
        Ok::<_, Flaw>(usize::from(bytes[0]) << 8 | usize::from(bytes[1]))
    };
    match *head.get(2).ok_or(Flaw::Cut)? {
        RAW => Ok(Part::Block { header: 5, packed: length(3)?, plain: length(3)? }),
        PACKED => Ok(Part::Block { header: 7, packed: length(3)?, plain: length(5)? }),
        other => Err(Flaw::Damage(format!("a chunk has the unknown type {other}").into())),
    }
}

fn unpack(header: &[u8], packed: &[u8], plain: &mut [u8]) -> Result<(), Damage> {
    if header.get(2) == Some(&RAW) {
        plain.copy_from_slice(packed);
        return Ok(());
    }
    let written = decompress(packed, plain).ok_or("a chunk's bytes are no LZF")?;
    if written != plain.len() {
        return Err(format!("a chunk has {written} bytes and claims {}", plain.len()).into());
    }
    Ok(())
}

/// Unpacks one LZF block and gives the bytes written; `None` where an instruction ends too early,
/// refers to what is before the block, or writes past the end of `out`.
fn decompress(mut packed: &[u8], out: &mut [u8]) -> Option<usize> {
    let mut written = 0;
    while let Some((&control, rest)) = packed.split_first() {
        let control = usize::from(control);
        if control < 32 {
            let (literals, rest) = rest.split_at_checked(control + 1)?;
            out.get_mut(written..written + literals.len())?.copy_from_slice(literals);
            written += literals.len();
            packed = rest;
            continue;
        }
        let (more, rest) = match control >> 5 {
            7 => {
                let (&more, rest) = rest.split_first()?;
                (usize::from(more), rest)
            }
            _ => (0, rest),
        };
        let (&low, rest) = rest.split_first()?;
        let length = (control >> 5) + more + 2;
        let distance = ((control & 0x1f) << 8 | usize::from(low)) + 1;
        copy_back(out, written, distance, length)?;
        written += length;
        packed = rest;
    }
    Some(written)
}

/// Repeats the `length` bytes that stand `distance` before `at`, which may be among those repeated.
fn copy_back(out: &mut [u8], at: usize, distance: usize, length: usize) -> Option<()> {
    let from = at.checked_sub(distance)?;
    let window = out.get_mut(from..at + length)?;
    if distance >= length {
        window.copy_within(..length, distance);
        return Some(());
    }
    // Every round doubles what can be repeated in one piece.
    let mut known = distance;
    while known < window.len() {
        let step = known.min(window.len() - known);
        window.copy_within(..step, known);
        known += step;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What compress-lzf 1.1.2 makes, as Spark 4.0 uses it, of four times [`LINE`].
    const CHUNK: &[u8] = b"ZV\x01\x00\x36\x00\xb8\x1f{\"Event\":\"SparkListenerTaskEnd\",\
        \x0d\"Stage ID\":0}\n\xe0\x7f\x2d\x01}\n";

    const LINE: &str = "{\"Event\":\"SparkListenerTaskEnd\",\"Stage ID\":0}\n";

    #[test]
    fn a_chunk_of_sparks_is_known() {
        let found = part(CHUNK).expect("a chunk begins");
        assert_eq!(found, Part::Block { header: 7, packed: 54, plain: 184 });
        let mut plain = vec![0; 184];
        unpack(&CHUNK[..7], &CHUNK[7..], &mut plain).expect("the chunk is whole");
        assert_eq!(plain, LINE.repeat(4).as_bytes());
    }

    #[test]
    fn repeats_may_overlap_themselves() {
        for (packed, expected) in [
            (&b"\x00a\x20\x00"[..], &b"aaaa"[..]),
            (b"\x01ab\x60\x01", b"abababa"),
            (b"\x02abc\xe0\x01\x02", b"abcabcabcabca"),
            (b"\x03abcd\x20\x03", b"abcdabc"),
        ] {
            let mut plain = vec![0; expected.len()];
            assert_eq!(decompress(packed, &mut plain), Some(expected.len()), "{packed:x?}");
            assert_eq!(plain, expected);
        }
    }

    #[test]
    fn damage_is_told() {
        for packed in [
            &b"\x05abc"[..],             // literals end early
            b"\x00a\x20",                // no distance
            b"\x00a\xe0",                // no length
            b"\x00a\x20\x01",            // refers to before the block
            b"\x07abcdefgh\x07abcdef",   // literals end early, behind others
            b"\x07abcdefgh\xe0\xff\x00", // longer than the chunk claims
            b"\x0fabcdefghijklmnop",     // longer than the chunk claims
        ] {
            assert_eq!(decompress(packed, &mut [0; 10]), None, "{packed:x?}");
        }
    }

    #[test]
    fn a_chunk_shorter_than_it_claims_is_damage() {
        let mut plain = [0; 5];
        let damage = unpack(b"ZV\x01\0\x04\0\x05", b"\x02abc", &mut plain);
        assert_eq!(damage.expect_err("two bytes lack"), "a chunk has 3 bytes and claims 5");
    }
}
