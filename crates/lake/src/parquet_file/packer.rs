//! What compresses the pages of all columns, one after another.

use bytes::Bytes;
use parquet::basic::ZstdLevel;
use parquet::errors::Result;
use zstd::bulk::Compressor;

/// A compressor and a page, both used again and again.
#[derive(Default)]
pub(crate) struct Packer {
    zstd: Option<Compressor<'static>>,
    page: Vec<u8>,
}

impl Packer {
    /// What `fill` appends to an empty page, compressed, and how many bytes it was.
    pub(super) fn pack(&mut self, fill: impl FnOnce(&mut Vec<u8>)) -> Result<(Bytes, usize)> {
        self.page.clear();
        fill(&mut self.page);
        let zstd = match &mut self.zstd {
            Some(zstd) => zstd,
            none => none.insert(Compressor::new(ZstdLevel::default().compression_level())?),
        };
        Ok((zstd.compress(&self.page)?.into(), self.page.len()))
    }
}
