//! The first bytes of an input say how the rest is read.

const BYTES: usize = 8;

/// How an input wants to be read.
#[derive(Debug)]
pub struct Choices {
    /// Which of the check's ways to go.
    pub way: u8,
    /// A place or a length within the input.
    pub number: usize,
    /// How many bytes the reads beneath give, 0 for one that is interrupted. One is not.
    pub steps: [usize; 3],
    /// How many bytes are asked for, never 0.
    pub sizes: [usize; 2],
}

impl Choices {
    /// Takes them off the front of `input`; `None` where that is too short.
    pub fn split(input: &[u8]) -> Option<(Self, &[u8])> {
        let (&[way, high, low, a, b, c, d, e], rest) = input.split_first_chunk::<BYTES>()?;
        let choices = Self {
            way,
            number: usize::from(u16::from_be_bytes([high, low])),
            steps: [length(a).max(1), length(b), length(c)],
            sizes: [length(d).max(1), length(e).max(1)],
        };
        Some((choices, rest))
    }
}

/// From one byte a length that is mostly short and sometimes as long as a block.
fn length(byte: u8) -> usize {
    usize::from(byte).pow(2)
}
