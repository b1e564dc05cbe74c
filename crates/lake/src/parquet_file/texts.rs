//! A column of strings: places in a dictionary as long as that is small, the strings themselves then.

use std::collections::HashMap;
use std::ops::Range;

use arrow::array::{Array, ArrayRef, AsArray};
use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::ByteArray;
use parquet::errors::{ParquetError, Result};
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::schema::types::ColumnDescPtr;

use super::hybrid;
use super::packer::Packer;
use super::pages::{Dictionary, Pages};

/// A dictionary has about so many bytes at most.
const DICTIONARY_BYTES: usize = 1 << 20;
/// A page of strings is closed when it has so many bytes.
const PAGE_BYTES: usize = 1 << 20;
/// Bounds that are longer are not worth their bytes.
const BOUND_BYTES: usize = 64;

/// A column chunk while its values come.
pub(super) struct Texts {
    pages: Pages,
    known: Known,
    /// The values of the page that is not closed: their places among the known ones,
    places: Vec<u32>,
    /// or, where too many are known, themselves, as the plain encoding has them.
    plain: Vec<u8>,
    is_plain: bool,
    /// The least and the greatest of those that are not known, where they are of use.
    range: Option<(Vec<u8>, Vec<u8>)>,
    has_statistics: bool,
}

/// Strings that came, each once.
#[derive(Default)]
struct Known {
    /// As the plain encoding has them.
    plain: Vec<u8>,
    texts: Vec<Range<usize>>,
    /// How many they are.
    count: u32,
    places: HashMap<Box<[u8]>, u32>,
    /// What came after each of them: rows repeat what they have, alone or in turn.
    next: Vec<u32>,
    /// The one that came last.
    last: u32,
}

impl Known {
    /// The place of `text`.
    #[inline]
    fn place(&mut self, text: &[u8]) -> u32 {
        let guess = self.next.get(self.last as usize).copied().unwrap_or(0);
        let place = match self.texts.get(guess as usize) {
            Some(range) if self.plain[range.clone()] == *text => guess,
            _ => self.look_up(text),
        };
        self.last = place;
        place
    }

    fn look_up(&mut self, text: &[u8]) -> u32 {
        let place = match self.places.get(text) {
            Some(place) => *place,
            None => {
                let place = self.count;
                self.count += 1;
                append(&mut self.plain, text);
                self.texts.push(self.plain.len() - text.len()..self.plain.len());
                self.places.insert(text.into(), place);
                self.next.push(place);
                place
            }
        };
        self.next[self.last as usize] = place;
        place
    }
}

impl Texts {
    /// A chunk without rows.
    pub(super) fn new(description: &ColumnDescPtr, has_statistics: bool) -> Self {
        Self {
            pages: Pages::new(description),
            known: Known::default(),
            places: Vec::new(),
            plain: Vec::new(),
            is_plain: false,
            range: None,
            has_statistics,
        }
    }

    /// Appends the rows of `array`.
    pub(super) fn write(&mut self, array: &ArrayRef, packer: &mut Packer) -> Result<()> {
        let Some(texts) = array.as_string_opt::<i32>() else {
            return Err(ParquetError::General(format!("{} is no string", array.data_type())));
        };
        // A page ends between two rows: those up to there are added before.
        let mut added = 0;
        for row in 0..texts.len() {
            if texts.is_valid(row) {
                self.push(texts.value(row).as_bytes());
            }
            if self.is_full() || row + 1 == texts.len() {
                let nulls = texts.nulls().map(|nulls| nulls.slice(added, row + 1 - added));
                self.pages.add(row + 1 - added, nulls.as_ref());
                added = row + 1;
            }
            if self.is_full() || self.pages.is_full() {
                self.end_page(packer)?;
            }
        }
        Ok(())
    }

    #[inline]
    fn push(&mut self, text: &[u8]) {
        if !self.is_plain {
            self.places.push(self.known.place(text));
            return;
        }
        append(&mut self.plain, text);
        if self.has_statistics {
            let (least, greatest) = self.range.get_or_insert_with(|| (text.into(), text.into()));
            if text < &least[..] {
                *least = text.into();
            } else if text > &greatest[..] {
                *greatest = text.into();
            }
        }
    }

    /// Whether the page should be closed: it, or the dictionary, is as large as it may be.
    fn is_full(&self) -> bool {
        let known = if self.is_plain { 0 } else { self.known.plain.len() };
        self.plain.len() >= PAGE_BYTES || known >= DICTIONARY_BYTES
    }

    fn end_page(&mut self, packer: &mut Packer) -> Result<()> {
        if self.is_plain {
            let encoding = (!self.plain.is_empty()).then_some(Encoding::PLAIN);
            self.pages.end(packer, encoding, |page| page.extend_from_slice(&self.plain))?;
            self.plain.clear();
            return Ok(());
        }
        let encoding = (!self.places.is_empty()).then_some(Encoding::RLE_DICTIONARY);
        let greatest = self.known.count.saturating_sub(1);
        let width = (u32::BITS - greatest.leading_zeros()).max(1);
        self.pages.end(packer, encoding, |page| {
            if encoding.is_some() {
                page.push(width.to_le_bytes()[0]);
                hybrid::encode(&self.places, width, page);
            }
        })?;
        self.places.clear();
        self.is_plain = self.known.plain.len() >= DICTIONARY_BYTES;
        Ok(())
    }

    /// The finished chunk.
    pub(super) fn chunk(mut self, packer: &mut Packer) -> Result<(Bytes, ColumnCloseResult)> {
        self.end_page(packer)?;
        let statistics = self.has_statistics.then(|| self.statistics());
        let Known { plain, texts, .. } = self.known;
        let dictionary = (!texts.is_empty()).then_some(Dictionary { plain, values: texts.len() });
        self.pages.chunk(packer, Encoding::RLE_DICTIONARY, dictionary, statistics)
    }

    fn statistics(&self) -> Statistics {
        let known = self.known.texts.iter().map(|range| &self.known.plain[range.clone()]);
        let others = self.range.iter().flat_map(|(least, greatest)| [&least[..], &greatest[..]]);
        let all = || known.clone().chain(others.clone());
        let bounds = all().min().zip(all().max());
        let bounds = bounds.filter(|bounds| bounds.0.len().max(bounds.1.len()) <= BOUND_BYTES);
        let (least, greatest) = bounds
            .map(|(least, greatest)| (ByteArray::from(least), ByteArray::from(greatest)))
            .unzip();
        let nulls = Some(self.pages.nulls());
        Statistics::ByteArray(ValueStatistics::new(least, greatest, None, nulls, false))
    }
}

/// Appends `text` as the plain encoding has it.
fn append(out: &mut Vec<u8>, text: &[u8]) {
    let length = u32::try_from(text.len()).expect("a batch has less than 2 GiB of text");
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(text);
}
