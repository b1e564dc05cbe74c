//! gzip, one member or many.

use std::io::{self, Read};

use flate2::bufread::MultiGzDecoder;

use super::source::Source;

/// gzip members, one after the other.
pub(super) struct Gzip<R> {
    members: MultiGzDecoder<Source<R>>,
}

impl<R: Read> Gzip<R> {
    pub(super) fn new(source: Source<R>) -> Self {
        Self { members: MultiGzDecoder::new(source) }
    }
}

impl<R: Read> Read for Gzip<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let error = match self.members.read(out) {
            Ok(read) => return Ok(read),
            Err(error) => error,
        };
        let at = self.members.get_ref().offset();
        match error.kind() {
            // No bytes at all are no members, as they are no blocks to the other codecs.
            io::ErrorKind::UnexpectedEof if at == 0 => Ok(0),
            io::ErrorKind::UnexpectedEof => {
                let what = format!("the gzip stream ends within a member, at byte {at}");
                Err(io::Error::new(io::ErrorKind::UnexpectedEof, what))
            }
            // That is what the decoder calls bytes that are no gzip.
            io::ErrorKind::InvalidInput => {
                let what = format!("gzip: {error} before byte {at}");
                Err(io::Error::new(io::ErrorKind::InvalidData, what))
            }
            _ => Err(error),
        }
    }
}
