//! A column of 64-bit integers, or of times that are such.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::schema::types::ColumnDescPtr;

use super::delta_packed;
use super::packer::Packer;
use super::pages::{PAGE_ROWS, Pages};

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
    pub(super) fn write(&mut self, array: &ArrayRef, packer: &mut Packer) -> Result<()> {
        let values = if let Some(array) = array.as_primitive_opt::<Int64Type>() {
            array.values()
        } else if let Some(array) = array.as_primitive_opt::<TimestampMicrosecondType>() {
            array.values()
        } else {
            return Err(ParquetError::General(format!("{} is no integer", array.data_type())));
        };
        self.pages.add(values.len(), array.nulls());
        match array.nulls().filter(|nulls| nulls.null_count() > 0) {
            None if self.values.is_empty() && values.len() >= PAGE_ROWS => {
                self.widen(values);
                return self.end_page(values, packer);
            }
            None => self.values.extend_from_slice(values),
            Some(nulls) => self.values.extend(nulls.valid_indices().map(|at| values[at])),
        }
        if self.pages.is_full() { self.end_waiting(packer) } else { Ok(()) }
    }

    fn end_waiting(&mut self, packer: &mut Packer) -> Result<()> {
        let mut values = std::mem::take(&mut self.values);
        self.widen(&values);
        let ended = self.end_page(&values, packer);
        values.clear();
        self.values = values;
        ended
    }

    fn end_page(&mut self, values: &[i64], packer: &mut Packer) -> Result<()> {
        let encoding = (!values.is_empty()).then_some(Encoding::DELTA_BINARY_PACKED);
        self.pages.end(packer, encoding, |page| {
            if !values.is_empty() {
                delta_packed::encode(values, page);
            }
        })
    }

    fn widen(&mut self, values: &[i64]) {
        if self.has_statistics {
            for value in values {
                let (least, greatest) = self.range.get_or_insert((*value, *value));
                *least = (*least).min(*value);
                *greatest = (*greatest).max(*value);
            }
        }
    }

    /// The finished chunk.
    pub(super) fn chunk(mut self, packer: &mut Packer) -> Result<(Bytes, ColumnCloseResult)> {
        self.end_waiting(packer)?;
        let statistics = self.has_statistics.then(|| {
            let (least, greatest) = self.range.unzip();
            let nulls = Some(self.pages.nulls());
            Statistics::Int64(ValueStatistics::new(least, greatest, None, nulls, false))
        });
        self.pages.chunk(packer, Encoding::DELTA_BINARY_PACKED, None, statistics)
    }
}
