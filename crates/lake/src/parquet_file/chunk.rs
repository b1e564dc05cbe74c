//! What all column chunks have.

use bytes::Bytes;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::Result;
use parquet::file::metadata::ColumnChunkMetaDataBuilder;

use super::delta_packed::varint;

/// A run of `count` times the one-bit `value`, as the hybrid of run lengths and bit packing has it.
pub(super) fn run(count: u32, value: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    varint(u64::from(count) << 1, &mut bytes);
    bytes.push(value);
    bytes
}

/// Bits, the first in the lowest bit of the first byte, as the hybrid has them.
pub(super) fn bits(bits: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    varint((bits.len() as u64) << 1 | 1, &mut bytes);
    bytes.extend_from_slice(bits);
    bytes
}

/// A column chunk that is finished, ready to be appended to its row group.
pub(super) fn close(
    bytes: Vec<u8>,
    uncompressed: usize,
    rows: u32,
    metadata: ColumnChunkMetaDataBuilder,
) -> Result<(Bytes, ColumnCloseResult)> {
    let metadata = metadata
        .set_num_values(i64::from(rows))
        .set_total_compressed_size(bytes.len() as i64)
        .set_total_uncompressed_size(uncompressed as i64)
        .build()?;
    let close = ColumnCloseResult {
        bytes_written: bytes.len() as u64,
        rows_written: u64::from(rows),
        metadata,
        bloom_filter: None,
        column_index: None,
        offset_index: None,
    };
    Ok((bytes.into(), close))
}
