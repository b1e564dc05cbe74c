//! A column with one value in all rows.

use arrow::array::{Array, AsArray};
use arrow::datatypes::Int64Type;
use bytes::Bytes;
use parquet::basic::{Compression, Encoding};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::ByteArray;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use super::chunk::{close, run};

/// A column with one value.
pub(super) struct Constant {
    description: ColumnDescPtr,
    /// As the plain encoding has it.
    plain: Vec<u8>,
    statistics: Statistics,
}

impl Constant {
    /// The value of all of `array`, if none is NULL; only the first is looked at.
    pub(super) fn of(description: &ColumnDescPtr, array: &dyn Array) -> Option<Self> {
        if array.null_count() > 0 {
            return None;
        }
        let (plain, statistics) = if let Some(values) = array.as_primitive_opt::<Int64Type>() {
            let value = *values.values().first()?;
            let statistics = ValueStatistics::new(Some(value), Some(value), None, Some(0), false);
            (value.to_le_bytes().to_vec(), Statistics::Int64(statistics))
        } else {
            let text = array.as_string_opt::<i32>()?.iter().next()??;
            let length = u32::try_from(text.len()).ok()?;
            let value = ByteArray::from(text);
            let statistics =
                ValueStatistics::new(Some(value.clone()), Some(value), None, Some(0), false);
            let plain = [&length.to_le_bytes(), text.as_bytes()].concat();
            (plain, Statistics::ByteArray(statistics))
        };
        Some(Self { description: description.clone(), plain, statistics })
    }

    /// # Errors
    ///
    /// The rows are of another segment: it would be lost that they are.
    pub(super) fn expect(&self, array: &dyn Array) -> Result<()> {
        match Self::of(&self.description, array) {
            Some(other) if other.plain == self.plain => Ok(()),
            _ => Err(ParquetError::General("rows of another segment".to_owned())),
        }
    }

    /// A dictionary of the value, and a page that says it for every row.
    pub(super) fn chunk(self, rows: usize) -> Result<(Bytes, ColumnCloseResult)> {
        let too_many = |_| ParquetError::General(format!("{rows} rows in a row group"));
        let count = u32::try_from(rows).map_err(too_many)?;
        // All rows have a value (definition level 1), and all the same (index 0), of one bit each.
        let (defined, first) = (run(count, 1), run(count, 0));
        let length = u32::try_from(defined.len()).map_err(too_many)?;
        let page = [&length.to_le_bytes(), &defined[..], &[1], &first].concat();

        let mut bytes = TrackedWrite::new(Vec::new());
        let mut pages = SerializedPageWriter::new(&mut bytes);
        let size = self.plain.len();
        let dictionary = Page::DictionaryPage {
            buf: self.plain.into(),
            num_values: 1,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        };
        let dictionary = pages.write_page(CompressedPage::new(dictionary, size))?;
        let size = page.len();
        let page = Page::DataPage {
            buf: page.into(),
            num_values: count,
            encoding: Encoding::RLE_DICTIONARY,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        pages.write_page(CompressedPage::new(page, size))?;

        let metadata = ColumnChunkMetaData::builder(self.description)
            .set_compression(Compression::UNCOMPRESSED)
            .set_encodings(vec![Encoding::PLAIN, Encoding::RLE, Encoding::RLE_DICTIONARY])
            .set_dictionary_page_offset(Some(0))
            .set_data_page_offset(dictionary.bytes_written as i64)
            .set_statistics(self.statistics);
        let bytes = bytes.into_inner()?;
        let size = bytes.len();
        close(bytes, size, count, metadata)
    }
}
