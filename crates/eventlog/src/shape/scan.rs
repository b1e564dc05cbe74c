//! Numbers and strings of a line, eight bytes at a time.
//!
//! Each function says where the value ends, or `None` where it is one that only `simd-json` is to
//! judge. All read within `line`, which may go on behind the line's own end; what ends behind it
//! the caller finds out by where it has come to.

const ONES: u64 = u64::from_le_bytes([1; 8]);
const HIGH: u64 = ONES << 7;

/// Integers have at most so many digits here: times a thousand they still fit.
const MAX_DIGITS: usize = 15;

/// An integer in its one canonical form, and where it ends.
#[inline(always)]
pub(super) fn integer(line: &[u8], at: usize) -> Option<(i64, usize)> {
    let (digits, len) = leading_digits(word(line, at)?);
    match len {
        0 => negative(line, at),
        1 => Some(((digits & 0xff) as i64, at + 1)),
        _ if digits & 0xff == 0 => None,
        8 => {
            let (more, rest) = leading_digits(word(line, at + 8)?);
            if rest == 0 {
                return Some((value(digits) as i64, at + 8));
            }
            if 8 + rest > MAX_DIGITS {
                return None;
            }
            let low = value(more << (64 - 8 * rest));
            Some((value(digits) as i64 * POWERS[rest] + low as i64, at + 8 + rest))
        }
        _ => Some((value(digits << (64 - 8 * len)) as i64, at + len)),
    }
}

const POWERS: [i64; 8] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000];

#[cold]
fn negative(line: &[u8], at: usize) -> Option<(i64, usize)> {
    if line.get(at) != Some(&b'-') || !line.get(at + 1)?.is_ascii_digit() {
        return None;
    }
    let (value, end) = integer(line, at + 1)?;
    (value != 0).then_some((-value, end))
}

/// Where an integer ends, for those whose value nobody wants.
#[inline(always)]
pub(super) fn skip_integer(line: &[u8], at: usize) -> Option<usize> {
    let (digits, len) = leading_digits(word(line, at)?);
    match len {
        1 => Some(at + 1),
        2..=7 if digits & 0xff != 0 => Some(at + len),
        _ => integer(line, at).map(|(_, end)| end),
    }
}

/// Where the plain characters of a string end: at its closing quote. `None` where something
/// comes first that is escaped, that must be, or that is not ASCII.
#[inline(always)]
pub(super) fn text(line: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let special = special(word(line, at)?);
        if special == 0 {
            at += 8;
            continue;
        }
        at += special.trailing_zeros() as usize / 8;
        return (line[at] == b'"').then_some(at);
    }
}

#[inline(always)]
fn word(line: &[u8], at: usize) -> Option<u64> {
    let bytes = line.get(at..at + 8)?;
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}

/// The values of the bytes that are digits, and how many of them stand in front.
#[inline(always)]
fn leading_digits(word: u64) -> (u64, usize) {
    let digits = word ^ (ONES * u64::from(b'0'));
    let others = (((digits & !HIGH) + ONES * (0x80 - 10)) | digits) & HIGH;
    (digits, others.trailing_zeros() as usize / 8)
}

/// The number that eight digits make, the first in the lowest byte.
#[inline(always)]
fn value(digits: u64) -> u64 {
    let pairs = (digits * 10 + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    (fours * 10_000 + (fours >> 32)) & 0xffff_ffff
}

/// High bits; the lowest that is set is that of the first quote, backslash, control character or
/// byte that is not ASCII.
#[inline(always)]
fn special(word: u64) -> u64 {
    let quote = word ^ (ONES * u64::from(b'"'));
    let backslash = word ^ (ONES * u64::from(b'\\'));
    let zero = |word: u64| word.wrapping_sub(ONES) & !word;
    (zero(quote) | zero(backslash) | (word.wrapping_sub(ONES * 0x20) & !word) | word) & HIGH
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn padded(text: &str) -> Vec<u8> {
        let mut line = text.as_bytes().to_vec();
        line.extend_from_slice(&[b','; 16]);
        line
    }

    #[test]
    fn integers_that_are_left_to_the_parser() {
        for text in ["", "-", "-0", "01", "00", "-07", "+1", "x", "1234567890123456", "--1"] {
            assert_eq!(integer(&padded(text), 0), None, "{text}");
            assert_eq!(skip_integer(&padded(text), 0), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn integers_are_read(n in -999_999_999_999_999_i64..=999_999_999_999_999, cut in 0_u32..15) {
            let n = n / 10_i64.pow(cut);
            let text = n.to_string();
            let line = padded(&text);
            prop_assert_eq!(integer(&line, 0), Some((n, text.len())));
            prop_assert_eq!(skip_integer(&line, 0), Some(text.len()));
        }

        #[test]
        fn strings_end_where_they_end(text in "[ -~é\\x00-\\x1f]{0,40}") {
            let line = padded(&format!("{text}\""));
            let plain = text.bytes().take_while(|b| (b' '..0x80).contains(b) && !b"\"\\".contains(b)).count();
            let expected = (line[plain] == b'"').then_some(plain);
            prop_assert_eq!(super::text(&line, 0), expected);
        }
    }
}
