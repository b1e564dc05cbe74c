//! The encoding `DELTA_BINARY_PACKED` of 64-bit integers, as Parquet's `Encodings.md` has it.
//!
//! Most of a lake is integers, and to write them took a tenth of an ingest with a writer that goes
//! from value to value and from bit to bit.

/// Values of a block, and of each of its miniblocks: those of one width fill whole words.
const BLOCK: usize = 256;
const MINIBLOCK: usize = 64;
const MINIBLOCKS: usize = BLOCK / MINIBLOCK;

/// Appends `values` to `out`.
pub(super) fn encode(values: &[i64], out: &mut Vec<u8>) {
    varint(BLOCK as u64, out);
    varint(MINIBLOCKS as u64, out);
    varint(values.len() as u64, out);
    zigzag(values.first().copied().unwrap_or(0), out);
    let mut deltas = [0; BLOCK];
    let later = values.get(1..).unwrap_or_default();
    for (from, to) in values.chunks(BLOCK).zip(later.chunks(BLOCK)) {
        let deltas = &mut deltas[..to.len()];
        for ((delta, from), to) in deltas.iter_mut().zip(from).zip(to) {
            *delta = to.wrapping_sub(*from);
        }
        encode_block(deltas, out);
    }
}

fn encode_block(deltas: &[i64], out: &mut Vec<u8>) {
    let least = deltas.iter().copied().min().unwrap_or(0);
    zigzag(least, out);
    let widths = out.len();
    out.extend([0; MINIBLOCKS]);
    for (at, deltas) in deltas.chunks(MINIBLOCK).enumerate() {
        let mut words = [0; MINIBLOCK];
        let mut bits = 0;
        for (word, delta) in words.iter_mut().zip(deltas) {
            *word = delta.wrapping_sub(least) as u64;
            bits |= *word;
        }
        let width = u64::BITS - bits.leading_zeros();
        out[widths + at] = width.to_le_bytes()[0];
        pack(&words, width, out);
    }
}

/// Appends the low `width` bits of each word, the first in the lowest bits.
fn pack(words: &[u64; MINIBLOCK], width: u32, out: &mut Vec<u8>) {
    if width == 0 {
        return;
    }
    let mut packed = 0;
    let mut filled = 0;
    for word in words {
        packed |= word << filled;
        filled += width;
        if filled >= u64::BITS {
            out.extend_from_slice(&packed.to_le_bytes());
            filled -= u64::BITS;
            // What did not fit; a shift by the whole width of a word is none at all.
            packed = word.checked_shr(width - filled).unwrap_or(0);
        }
    }
}

/// An unsigned LEB128 number.
pub(super) fn varint(mut n: u64, out: &mut Vec<u8>) {
    while n >= 0x80 {
        out.push(n.to_le_bytes()[0] | 0x80);
        n >>= 7;
    }
    out.push(n.to_le_bytes()[0]);
}

fn zigzag(n: i64, out: &mut Vec<u8>) {
    varint(((n << 1) ^ (n >> 63)) as u64, out);
}
