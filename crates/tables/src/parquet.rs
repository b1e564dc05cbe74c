//! How the lake's Parquet files are encoded.

use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use crate::table::Table;

/// Rows of a row group: large enough to compress, small enough to prune and to hold in memory.
pub const ROW_GROUP_ROWS: usize = 128 << 10;

/// Properties of the files of `table`.
pub fn writer_properties(table: &Table) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::None)
        // Of no use without statistics of pages.
        .set_offset_index_disabled(true)
        .set_created_by(concat!("stagelight ", env!("CARGO_PKG_VERSION")).to_owned());
    for column in table.columns().filter(|column| column.is_searched()) {
        let path = ColumnPath::from(column.name);
        properties = properties.set_column_statistics_enabled(path, EnabledStatistics::Chunk);
    }
    properties.build()
}
