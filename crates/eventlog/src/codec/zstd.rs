//! Zstandard frames.

use std::io::{self, Read};

use zstd::stream::raw::{Decoder, InBuffer, Operation, OutBuffer};

use super::source::Source;

/// Zstandard frames decoded straight into the reader's buffer.
pub(super) struct Zstd<R> {
    source: Source<R>,
    decoder: Decoder<'static>,
    in_frame: bool,
    /// The last call filled the output, so the decoder may hold more without further input.
    more_output: bool,
}

impl<R: Read> Zstd<R> {
    pub(super) fn new(source: Source<R>) -> io::Result<Self> {
        Ok(Self { source, decoder: Decoder::new()?, in_frame: false, more_output: false })
    }
}

impl<R: Read> Read for Zstd<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            let at = self.source.offset();
            let packed = if self.more_output { &[] } else { self.source.peek(1)? };
            if packed.is_empty() && !self.more_output {
                return if self.in_frame {
                    let what = format!("the zstd stream ends within a frame, at byte {at}");
                    Err(io::Error::new(io::ErrorKind::UnexpectedEof, what))
                } else {
                    Ok(0)
                };
            }
            let mut input = InBuffer::around(packed);
            let mut output = OutBuffer::around(&mut *out);
            let hint = self.decoder.run(&mut input, &mut output).map_err(|error| {
                let what = format!("zstd: {error} behind byte {at}");
                io::Error::new(io::ErrorKind::InvalidData, what)
            })?;
            let taken = input.pos();
            let written = output.pos();
            self.source.advance(taken);
            self.in_frame = hint != 0;
            self.more_output = written == out.len() && self.in_frame;
            if written > 0 {
                return Ok(written);
            }
            self.more_output = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames() -> (Vec<u8>, Vec<u8>) {
        let mut plain = Vec::new();
        let mut packed = Vec::new();
        for n in 0..3 {
            let part: Vec<u8> = (0..300_000).map(|i| (i * (n + 3) / 7 % 251) as u8).collect();
            packed.extend(zstd::encode_all(&part[..], 1).expect("zstd encodes"));
            plain.extend(part);
        }
        (plain, packed)
    }

    fn read(packed: &[u8]) -> (Vec<u8>, io::Result<usize>) {
        let mut out = Vec::new();
        let mut frames = Zstd::new(Source::new(packed)).expect("a decoder can be made");
        let end = frames.read_to_end(&mut out);
        (out, end)
    }

    #[test]
    fn frames_follow_each_other() {
        let (plain, packed) = frames();
        let (out, end) = read(&packed);
        end.expect("whole frames decode");
        assert_eq!(out, plain);
    }

    #[test]
    fn a_cut_stream_gives_what_was_before_the_cut() {
        let (plain, packed) = frames();
        let (out, end) = read(&packed[..packed.len() - packed.len() / 6]);
        assert_eq!(end.expect_err("the cut is reported").kind(), io::ErrorKind::UnexpectedEof);
        assert!(out.len() >= 600_000, "two whole frames came before");
        assert!(plain.starts_with(&out));
    }

    #[test]
    fn damage_is_invalid_data() {
        let (_, end) = read(b"{\"Event\":\"SparkListenerLogStart\"}");
        assert_eq!(end.expect_err("that is no zstd").kind(), io::ErrorKind::InvalidData);
    }
}
