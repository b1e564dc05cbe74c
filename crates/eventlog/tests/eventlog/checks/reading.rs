//! Reads of any length, from either side.

use std::io::{self, ErrorKind, Read};
use std::iter::Cycle;
use std::slice::Iter;

/// A reader that gives what it likes of what is asked for, and sometimes is interrupted.
pub struct Dripping<'a> {
    bytes: &'a [u8],
    steps: Cycle<Iter<'a, usize>>,
    error: Option<ErrorKind>,
}

impl<'a> Dripping<'a> {
    /// Gives at most as many of `bytes` as the next of `steps` says, over and over; 0 interrupts.
    pub fn new(bytes: &'a [u8], steps: &'a [usize]) -> Self {
        Self { bytes, steps: steps.iter().cycle(), error: None }
    }

    /// The same, and behind the bytes an error.
    pub fn failing(self, error: Option<ErrorKind>) -> Self {
        Self { error, ..self }
    }
}

impl Read for Dripping<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let step = *self.steps.next().expect("there are steps");
        if step == 0 {
            return Err(ErrorKind::Interrupted.into());
        }
        if self.bytes.is_empty()
            && let Some(error) = self.error.take()
        {
            return Err(error.into());
        }
        let end = step.min(out.len());
        self.bytes.read(&mut out[..end])
    }
}

/// How reading ends: an error has a kind and says something.
pub type End = Result<(), (ErrorKind, String)>;

/// Everything that can be read with buffers of these sizes, and how that ended.
pub fn drain(mut input: impl Read, sizes: &[usize]) -> (Vec<u8>, End) {
    let mut out = Vec::new();
    let mut buffer = vec![0; *sizes.iter().max().expect("there are sizes")];
    for size in sizes.iter().cycle() {
        match input.read(&mut buffer[..*size]) {
            Ok(0) => return (out, Ok(())),
            Ok(read) => out.extend(&buffer[..read]),
            Err(error) => return (out, Err((error.kind(), error.to_string()))),
        }
    }
    unreachable!("there are sizes")
}
