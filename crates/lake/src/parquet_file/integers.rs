//! A column of 64-bit integers, or of times that are such.

use arrow::array::{Array, ArrayRef, AsArray, BooleanBufferBuilder};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use bytes::Bytes;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;
use zstd::bulk::Compressor;

use super::chunk::{bits, close, run};
use super::delta_packed;

/// A page is closed when it has so many rows.
const PAGE_ROWS: usize = 16 << 10;

/// A column chunk while its values come.
pub(super) struct Integers {
    description: ColumnDescPtr,
    /// Of the page that is not closed: its values,
    values: Vec<i64>,
    /// which of its rows have one, where not all have,
    valid: Option<BooleanBufferBuilder>,
    /// and its rows.
    rows: usize,
    pages: TrackedWrite<Vec<u8>>,
    rows_in_pages: usize,
    uncompressed: usize,
    nulls: u64,
    /// The least and the greatest value, where they are of use.
    range: Option<(i64, i64)>,
    has_statistics: bool,
}

impl Integers {
    /// A chunk without rows.
    pub(super) fn new(description: &ColumnDescPtr, has_statistics: bool) -> Self {
        Self {
            description: description.clone(),
            values: Vec::new(),
            valid: None,
            rows: 0,
            pages: TrackedWrite::new(Vec::new()),
            rows_in_pages: 0,
            uncompressed: 0,
            nulls: 0,
            range: None,
            has_statistics,
        }
    }

    /// Appends the rows of `array`.
    pub(super) fn write(&mut self, array: &ArrayRef, zstd: &mut Compressor<'_>) -> Result<()> {
        let values = if let Some(array) = array.as_primitive_opt::<Int64Type>() {
            array.values()
        } else if let Some(array) = array.as_primitive_opt::<TimestampMicrosecondType>() {
            array.values()
        } else {
            return Err(ParquetError::General(format!("{} is no integer", array.data_type())));
        };
        let before = self.values.len();
        match array.nulls().filter(|nulls| nulls.null_count() > 0) {
            None => {
                if let Some(valid) = &mut self.valid {
                    valid.append_n(values.len(), true);
                }
                self.values.extend_from_slice(values);
            }
            Some(nulls) => {
                let valid = self.valid.get_or_insert_with(|| {
                    let mut valid = BooleanBufferBuilder::new(PAGE_ROWS);
                    valid.append_n(self.rows, true);
                    valid
                });
                valid.append_buffer(nulls.inner());
                self.values.extend(nulls.valid_indices().map(|at| values[at]));
                self.nulls += nulls.null_count() as u64;
            }
        }
        if self.has_statistics {
            for value in &self.values[before..] {
                let (least, greatest) = self.range.get_or_insert((*value, *value));
                *least = (*least).min(*value);
                *greatest = (*greatest).max(*value);
            }
        }
        self.rows += values.len();
        if self.rows >= PAGE_ROWS { self.end_page(zstd) } else { Ok(()) }
    }

    /// About how many bytes it has so far.
    pub(super) fn size(&self) -> usize {
        self.pages.bytes_written() + size_of_val(&self.values[..])
    }

    fn end_page(&mut self, zstd: &mut Compressor<'_>) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let rows = row_count(self.rows)?;
        let defined = match self.valid.take() {
            None => run(rows, 1),
            Some(_) if self.values.is_empty() => run(rows, 0),
            Some(mut valid) => bits(valid.finish().values()),
        };
        let length = u32::try_from(defined.len())
            .map_err(|_| ParquetError::General("a page of 4 GiB".to_owned()))?;
        let mut page = [&length.to_le_bytes(), &defined[..]].concat();
        // Of no values every encoding is empty, but not every reader expects it of this one.
        let encoding = if self.values.is_empty() {
            Encoding::PLAIN
        } else {
            delta_packed::encode(&self.values, &mut page);
            Encoding::DELTA_BINARY_PACKED
        };
        let compressed = zstd.compress(&page)?;
        let data = Page::DataPage {
            buf: compressed.into(),
            num_values: rows,
            encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let written = SerializedPageWriter::new(&mut self.pages)
            .write_page(CompressedPage::new(data, page.len()))?;
        self.uncompressed += written.uncompressed_size;
        self.rows_in_pages += self.rows;
        self.rows = 0;
        self.values.clear();
        Ok(())
    }

    /// The finished chunk.
    pub(super) fn chunk(mut self, zstd: &mut Compressor<'_>) -> Result<(Bytes, ColumnCloseResult)> {
        self.end_page(zstd)?;
        let mut metadata = ColumnChunkMetaData::builder(self.description)
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_encodings(vec![Encoding::PLAIN, Encoding::RLE, Encoding::DELTA_BINARY_PACKED])
            .set_data_page_offset(0);
        if self.has_statistics {
            let (least, greatest) = self.range.unzip();
            let statistics = ValueStatistics::new(least, greatest, None, Some(self.nulls), false);
            metadata = metadata.set_statistics(Statistics::Int64(statistics));
        }
        close(self.pages.into_inner()?, self.uncompressed, row_count(self.rows_in_pages)?, metadata)
    }
}

fn row_count(rows: usize) -> Result<u32> {
    u32::try_from(rows).map_err(|_| ParquetError::General(format!("{rows} rows in a row group")))
}
