//! Data files with the rows of many segments, one segment after another.
//!
//! Which rows are whose stands in the file itself: a later version of a segment, or a copy of it
//! with more events, may take the place of one of them, and then its rows are left out when the file
//! is read.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use chrono::NaiveDate;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::errors::ParquetError;
use parquet::file::metadata::{KeyValue, ParquetMetaData, ParquetMetaDataReader};
use sha2::{Digest, Sha256};
use stagelight_tables::Table;

use crate::error::LakeError;
use crate::source::SourceKey;

/// Stands before the day in the name of a merged file.
const PREFIX: &str = "merged-";
/// What the file's own metadata has the segments under.
const SEGMENTS: &str = "stagelight.segments";
/// As much of a file's end is read first; most have all of their metadata there.
const FOOTER: u64 = 256 << 10;
/// The last bytes of a Parquet file: the length of the metadata, and a magic number.
const TAIL: usize = 8;

/// A segment's rows in a merged file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) segment: SourceKey,
    pub(crate) rows: usize,
}

/// What a merged file says of itself.
#[derive(Clone, Debug)]
pub(crate) struct Merged {
    /// Whose rows it has, in their order.
    pub(crate) parts: Vec<Part>,
    /// The rows of its row groups.
    pub(crate) row_groups: Vec<usize>,
}

/// The name of the file with `parts` of `day`: the same whoever merges them.
pub(crate) fn file_name(day: NaiveDate, parts: &[Part]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.segment.place.to_le_bytes());
        hash.update(part.segment.version.to_le_bytes());
        hash.update(part.rows.to_le_bytes());
    }
    let hash: String = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("{PREFIX}{day}-{hash}.parquet")
}

/// The day of a merged file; `None` of any other file.
pub(crate) fn day_of_file(path: &str) -> Option<NaiveDate> {
    let name = path.rsplit('/').next()?.strip_prefix(PREFIX)?;
    NaiveDate::parse_from_str(name.get(..10)?, "%Y-%m-%d").ok()
}

/// What is written into a merged file of its `parts`.
pub(crate) fn metadata(parts: &[Part]) -> KeyValue {
    let texts: Vec<_> =
        parts.iter().map(|part| format!("{}:{}", part.segment, part.rows)).collect();
    KeyValue::new(SEGMENTS.to_owned(), texts.join(" "))
}

/// So many merged files are remembered.
const REMEMBERED: usize = 1024;

/// What merged files say of themselves, read once: files do not change.
#[derive(Debug, Default)]
pub(crate) struct MergedFiles(Mutex<HashMap<String, Arc<Merged>>>);

impl MergedFiles {
    /// What the merged file at `path` says of itself.
    pub(crate) async fn get(
        &self,
        table: &Table,
        path: &str,
        size: u64,
        store: &dyn ObjectStore,
    ) -> Result<Arc<Merged>, LakeError> {
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(merged) = known().get(path) {
            return Ok(Arc::clone(merged));
        }
        let merged = Arc::new(Merged::read(table, path, size, store).await?);
        let mut known = known();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(path.to_owned(), Arc::clone(&merged));
        Ok(merged)
    }
}

impl Merged {
    /// Reads what the merged file at `path` says of itself.
    async fn read(
        table: &Table,
        path: &str,
        size: u64,
        store: &dyn ObjectStore,
    ) -> Result<Self, LakeError> {
        let location = Path::from(path);
        let fetch = async |length: u64| {
            let end = store.get_range(&location, size.saturating_sub(length)..size).await;
            end.map_err(|source| LakeError::Store { path: path.to_owned(), source })
        };
        let undecoded = |error| LakeError::decode(table.name)(error);
        let mut end = fetch(FOOTER).await?;
        let length = metadata_length(&end).map_err(undecoded)?;
        if length + TAIL > end.len() {
            end = fetch((length + TAIL) as u64).await?;
        }
        let metadata =
            end.len().checked_sub(length + TAIL).map(|from| &end[from..end.len() - TAIL]);
        let metadata = metadata.ok_or_else(|| broken("its metadata is longer than itself"));
        metadata
            .and_then(ParquetMetaDataReader::decode_metadata)
            .and_then(|metadata| Self::of(&metadata))
            .map_err(undecoded)
    }

    /// What `metadata` says; an error where that is not of a merged file.
    pub(crate) fn of(metadata: &ParquetMetaData) -> Result<Self, ParquetError> {
        let values = metadata.file_metadata().key_value_metadata();
        let text = values
            .and_then(|values| values.iter().find(|value| value.key == SEGMENTS))
            .and_then(|value| value.value.as_deref())
            .ok_or_else(|| broken("it does not say whose rows it has"))?;
        let parts = text.split_ascii_whitespace().map(|part| {
            let (segment, rows) = part.split_once(':')?;
            Some(Part { segment: SourceKey::parse(segment)?, rows: rows.parse().ok()? })
        });
        let parts: Option<Vec<_>> = parts.collect();
        let row_groups = metadata.row_groups().iter();
        let merged = Self {
            parts: parts.ok_or_else(|| broken("what it says of its rows cannot be read"))?,
            row_groups: row_groups
                .map(|group| usize::try_from(group.num_rows()).unwrap_or_default())
                .collect(),
        };
        let [said, there]: [usize; 2] =
            [merged.parts.iter().map(|part| part.rows).sum(), merged.row_groups.iter().sum()];
        if said == there { Ok(merged) } else { Err(broken("it has other rows than it says")) }
    }

    /// The rows of the segments that `is_wanted`.
    pub(crate) fn rows(&self, mut is_wanted: impl FnMut(SourceKey) -> bool) -> Vec<Range<usize>> {
        let mut rows: Vec<Range<usize>> = Vec::new();
        let mut from = 0;
        for part in &self.parts {
            let to = from + part.rows;
            if is_wanted(part.segment) {
                match rows.last_mut().filter(|last| last.end == from) {
                    Some(last) => last.end = to,
                    None => rows.push(from..to),
                }
            }
            from = to;
        }
        rows
    }
}

fn metadata_length(end: &Bytes) -> Result<usize, ParquetError> {
    let tail = end.last_chunk::<TAIL>().ok_or_else(|| broken("it is too short"))?;
    let [a, b, c, d, magic @ ..] = *tail;
    if magic != *b"PAR1" {
        return Err(broken("it does not end as Parquet does"));
    }
    Ok(u32::from_le_bytes([a, b, c, d]) as usize)
}

fn broken(reason: &str) -> ParquetError {
    ParquetError::General(format!("a merged file is broken: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(n: u128, rows: usize) -> Part {
        Part { segment: SourceKey { place: n, version: n + 1 }, rows }
    }

    #[test]
    fn rows_of_neighbours_are_one_range() {
        let parts = vec![part(1, 3), part(2, 0), part(3, 4), part(4, 5), part(5, 1)];
        let merged = Merged { parts, row_groups: vec![13] };
        let rows = |is_wanted: fn(SourceKey) -> bool| -> Vec<_> {
            merged.rows(is_wanted).into_iter().map(|range| (range.start, range.end)).collect()
        };
        assert_eq!(rows(|_| true), [(0, 13)]);
        assert_eq!(rows(|key| key.place != 3), [(0, 3), (7, 13)]);
        assert_eq!(rows(|key| key.place == 5), [(12, 13)]);
        assert!(rows(|_| false).is_empty());
    }

    #[test]
    fn a_name_tells_the_day_and_depends_on_the_rows() {
        let day = NaiveDate::from_ymd_opt(2026, 11, 26).expect("a day");
        let name = file_name(day, &[part(1, 3), part(2, 4)]);
        assert_eq!(day_of_file(&format!("task_ends/{name}")), Some(day));
        assert_ne!(name, file_name(day, &[part(2, 4), part(1, 3)]));
        assert_ne!(name, file_name(day, &[part(1, 4), part(2, 3)]));
        assert_eq!(SourceKey::of_file(&name), None);
        for other in [part(1, 1).segment.file_name(0).as_str(), "merged-", "merged-2026-11", ""] {
            assert_eq!(day_of_file(other), None, "{other}");
        }
    }
}
