//! A column of booleans.

use arrow::array::{Array, ArrayRef, AsArray, BooleanBufferBuilder};
use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::schema::types::ColumnDescPtr;

use super::packer::Packer;
use super::pages::Pages;

/// A column chunk while its values come.
pub(super) struct Booleans {
    pages: Pages,
    /// The values of the page that is not closed.
    values: BooleanBufferBuilder,
}

impl Booleans {
    /// A chunk without rows.
    pub(super) fn new(description: &ColumnDescPtr) -> Self {
        Self { pages: Pages::new(description), values: BooleanBufferBuilder::new(0) }
    }

    /// Appends the rows of `array`.
    pub(super) fn write(&mut self, array: &ArrayRef, packer: &mut Packer) -> Result<()> {
        let Some(array) = array.as_boolean_opt() else {
            return Err(ParquetError::General(format!("{} is no boolean", array.data_type())));
        };
        self.pages.add(array.len(), array.nulls());
        match array.nulls().filter(|nulls| nulls.null_count() > 0) {
            None => self.values.append_buffer(array.values()),
            Some(nulls) => {
                for at in nulls.valid_indices() {
                    self.values.append(array.value(at));
                }
            }
        }
        if self.pages.is_full() { self.end_page(packer) } else { Ok(()) }
    }

    fn end_page(&mut self, packer: &mut Packer) -> Result<()> {
        let values = &self.values;
        let encoding = (!values.is_empty()).then_some(Encoding::PLAIN);
        // The bits of what was appended, the first in the lowest bit of the first byte, and zeros.
        self.pages.end(packer, encoding, |page| page.extend_from_slice(values.as_slice()))?;
        self.values.truncate(0);
        Ok(())
    }

    /// The finished chunk.
    pub(super) fn chunk(mut self, packer: &mut Packer) -> Result<(Bytes, ColumnCloseResult)> {
        self.end_page(packer)?;
        self.pages.chunk(packer, Encoding::PLAIN, None, None)
    }
}
