//! The hybrid of run lengths and bit packing, as Parquet's `Encodings.md` has it: `RLE`, and the
//! indices of `RLE_DICTIONARY`.

use super::delta_packed::varint;

/// Bit-packed runs have groups of so many values.
const GROUP: usize = 8;

/// Appends `values`, each of `width` bits, of which there is at least one.
pub(super) fn encode(values: &[u32], width: u32, out: &mut Vec<u8>) {
    let mut packed_from = 0;
    let mut at = 0;
    while at < values.len() {
        let value = values[at];
        let same = values[at..].iter().take_while(|other| **other == value).count();
        // What is packed before a run takes what it lacks to whole groups from the run.
        let lacks = (at - packed_from).wrapping_neg() % GROUP;
        if same >= lacks + GROUP {
            pack(&values[packed_from..at + lacks], width, out);
            varint(((same - lacks) as u64) << 1, out);
            out.extend_from_slice(&value.to_le_bytes()[..width.div_ceil(u8::BITS) as usize]);
            packed_from = at + same;
        }
        at += same;
    }
    pack(&values[packed_from..], width, out);
}

/// Appends a bit-packed run, the first value in the lowest bits; what the last group lacks is zero.
fn pack(values: &[u32], width: u32, out: &mut Vec<u8>) {
    if values.is_empty() {
        return;
    }
    varint((values.len().div_ceil(GROUP) as u64) << 1 | 1, out);
    for group in values.chunks(GROUP) {
        let (mut packed, mut filled) = (0_u64, 0);
        for at in 0..GROUP {
            packed |= u64::from(group.get(at).copied().unwrap_or(0)) << filled;
            filled += width;
            if filled >= u32::BITS {
                out.extend_from_slice(&packed.to_le_bytes()[..4]);
                packed >>= u32::BITS;
                filled -= u32::BITS;
            }
        }
        // Eight values have whole bytes.
        out.extend_from_slice(&packed.to_le_bytes()[..(filled / u8::BITS) as usize]);
    }
}
