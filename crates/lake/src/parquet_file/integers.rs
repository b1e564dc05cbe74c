//! A column of 64-bit integers, or of times that are such.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::schema::types::ColumnDescPtr;
use zstd::bulk::Compressor;

use super::delta_packed;
use super::pages::Pages;

/// A column chunk while its values come.
pub(super) struct Integers {
    pages: Pages,
    /// The values of the page that is not closed.
    values: Vec<i64>,
    /// The least and the greatest value, where they are of use.
    range: Option<(i64, i64)>,
    has_statistics: bool,
}

impl Integers {
    /// A chunk without rows.
    pub(super) fn new(description: &ColumnDescPtr, has_statistics: bool) -> Self {
        Self { pages: Pages::new(description), values: Vec::new(), range: None, has_statistics }
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
        self.pages.add(values.len(), array.nulls());
        match array.nulls().filter(|nulls| nulls.null_count() > 0) {
            None => self.values.extend_from_slice(values),
            Some(nulls) => self.values.extend(nulls.valid_indices().map(|at| values[at])),
        }
        if self.has_statistics {
            for value in &self.values[before..] {
                let (least, greatest) = self.range.get_or_insert((*value, *value));
                *least = (*least).min(*value);
                *greatest = (*greatest).max(*value);
            }
        }
        if self.pages.is_full() { self.end_page(zstd) } else { Ok(()) }
    }

    /// About how many bytes it has so far.
    pub(super) fn size(&self) -> usize {
        self.pages.size() + size_of_val(&self.values[..])
    }

    fn end_page(&mut self, zstd: &mut Compressor<'_>) -> Result<()> {
        let values = &self.values[..];
        let encoding = (!values.is_empty()).then_some(Encoding::DELTA_BINARY_PACKED);
        self.pages.end(zstd, encoding, |page| {
            if !values.is_empty() {
                delta_packed::encode(values, page);
            }
        })?;
        self.values.clear();
        Ok(())
    }

    /// The finished chunk.
    pub(super) fn chunk(mut self, zstd: &mut Compressor<'_>) -> Result<(Bytes, ColumnCloseResult)> {
        self.end_page(zstd)?;
        let statistics = self.has_statistics.then(|| {
            let (least, greatest) = self.range.unzip();
            let nulls = Some(self.pages.nulls());
            Statistics::Int64(ValueStatistics::new(least, greatest, None, nulls, false))
        });
        self.pages.chunk(zstd, Encoding::DELTA_BINARY_PACKED, None, statistics)
    }
}
