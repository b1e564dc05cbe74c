//! The data pages of a column chunk: which rows have a value, and what the values are encoded as.

use arrow::array::BooleanBufferBuilder;
use arrow::buffer::NullBuffer;
use bytes::Bytes;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use super::chunk::{bits, close, run};
use super::packer::Packer;

/// A page is closed when it has so many rows: those of a batch, which need not be copied then.
pub(super) const PAGE_ROWS: usize = 8 << 10;

/// A column chunk while its pages come.
pub(super) struct Pages {
    description: ColumnDescPtr,
    /// Which rows of the page that is not closed have a value, where not all have.
    valid: Option<BooleanBufferBuilder>,
    /// Its rows.
    rows: usize,
    closed: TrackedWrite<Vec<u8>>,
    rows_closed: usize,
    uncompressed: usize,
    nulls: u64,
}

/// What the rows of a chunk have in common, ahead of its data pages.
pub(super) struct Dictionary {
    /// As the plain encoding has them.
    pub(super) plain: Vec<u8>,
    pub(super) values: usize,
}

impl Pages {
    pub(super) fn new(description: &ColumnDescPtr) -> Self {
        Self {
            description: description.clone(),
            valid: None,
            rows: 0,
            closed: TrackedWrite::new(Vec::new()),
            rows_closed: 0,
            uncompressed: 0,
            nulls: 0,
        }
    }

    /// Adds `rows` to the page that is not closed, those that are null by `nulls` without a value.
    pub(super) fn add(&mut self, rows: usize, nulls: Option<&NullBuffer>) {
        match nulls.filter(|nulls| nulls.null_count() > 0) {
            None => {
                if let Some(valid) = &mut self.valid {
                    valid.append_n(rows, true);
                }
            }
            Some(nulls) => {
                let valid = self.valid.get_or_insert_with(|| {
                    let mut valid = BooleanBufferBuilder::new(PAGE_ROWS);
                    valid.append_n(self.rows, true);
                    valid
                });
                valid.append_buffer(nulls.inner());
                self.nulls += nulls.null_count() as u64;
            }
        }
        self.rows += rows;
    }

    /// Whether the page has so many rows that it should be closed.
    pub(super) fn is_full(&self) -> bool {
        self.rows >= PAGE_ROWS
    }

    /// Rows without a value so far.
    pub(super) fn nulls(&self) -> u64 {
        self.nulls
    }

    /// Closes the page, if it has rows. Its values, if it has any, are in `encoding`: `values` appends
    /// them.
    pub(super) fn end(
        &mut self,
        packer: &mut Packer,
        encoding: Option<Encoding>,
        values: impl FnOnce(&mut Vec<u8>),
    ) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let rows = count(self.rows)?;
        let defined = match (self.valid.take(), encoding) {
            (None, _) => run(rows, 1),
            (Some(_), None) => run(rows, 0),
            (Some(mut valid), Some(_)) => bits(valid.finish().values()),
        };
        let length = length(&defined)?.to_le_bytes();
        let (buf, uncompressed) = packer.pack(|page| {
            page.extend_from_slice(&length);
            page.extend_from_slice(&defined);
            values(page);
        })?;
        let data = Page::DataPage {
            buf,
            num_values: rows,
            // Of no values every encoding is empty, but not every reader expects it of all.
            encoding: encoding.unwrap_or(Encoding::PLAIN),
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        self.uncompressed += write(&mut self.closed, data, uncompressed)?;
        self.rows_closed += self.rows;
        self.rows = 0;
        Ok(())
    }

    /// The finished chunk, whose pages are in `encoding`, or plain; its `dictionary` comes first.
    pub(super) fn chunk(
        self,
        packer: &mut Packer,
        encoding: Encoding,
        dictionary: Option<Dictionary>,
        statistics: Option<Statistics>,
    ) -> Result<(Bytes, ColumnCloseResult)> {
        let mut metadata = ColumnChunkMetaData::builder(self.description)
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_encodings(vec![Encoding::PLAIN, Encoding::RLE, encoding])
            .set_data_page_offset(0);
        let mut uncompressed = self.uncompressed;
        let mut bytes = self.closed.into_inner()?;
        if let Some(Dictionary { plain, values }) = dictionary {
            let (buf, size) = packer.pack(|page| page.extend_from_slice(&plain))?;
            let page = Page::DictionaryPage {
                buf,
                num_values: count(values)?,
                encoding: Encoding::PLAIN,
                is_sorted: false,
            };
            let mut first = TrackedWrite::new(Vec::new());
            uncompressed += write(&mut first, page, size)?;
            let mut first = first.into_inner()?;
            metadata = metadata
                .set_dictionary_page_offset(Some(0))
                .set_data_page_offset(i64::from(length(&first)?));
            first.append(&mut bytes);
            bytes = first;
        }
        if let Some(statistics) = statistics {
            metadata = metadata.set_statistics(statistics);
        }
        close(bytes, uncompressed, count(self.rows_closed)?, metadata)
    }
}

/// Writes a page; returns its bytes before they were compressed, header included.
fn write(out: &mut TrackedWrite<Vec<u8>>, page: Page, uncompressed: usize) -> Result<usize> {
    let page = CompressedPage::new(page, uncompressed);
    Ok(SerializedPageWriter::new(out).write_page(page)?.uncompressed_size)
}

fn count(n: usize) -> Result<u32> {
    u32::try_from(n).map_err(|_| ParquetError::General(format!("{n} values in a row group")))
}

fn length(bytes: &[u8]) -> Result<u32> {
    u32::try_from(bytes.len()).map_err(|_| ParquetError::General("a page of 4 GiB".to_owned()))
}
