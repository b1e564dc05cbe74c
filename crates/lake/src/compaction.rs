//! Many small data files into few large ones, while others read and write.
//!
//! Merged are only files of segments that the ledger has: who commits such a segment again finds it
//! there. The ledger's own rows are merged before any other table's, so that it is known of every
//! segment for good that is in a merged file, also of one that was replaced.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, NaiveDate, Utc};
use futures::{StreamExt, TryStreamExt, stream};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use parquet::arrow::arrow_reader::{
    ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection,
};
use parquet::errors::Result as ParquetResult;
use serde_json::json;
use stagelight_tables::{QUARANTINE, SOURCES, Table};

use crate::error::LakeError;
use crate::lake::{Lake, facts};
use crate::ledger::{Entry, Ledger};
use crate::merged::{Merged, Part, day_of_file, file_name, metadata};
use crate::parquet_file::{Packer, ParquetFile};
use crate::segment::DataFile;
use crate::snapshot::LakeFile;
use crate::source::SourceKey;
use crate::standing::Standing;

/// Which files are merged.
#[derive(Clone, Copy, Debug)]
pub struct CompactionOptions {
    /// About how large a merged file gets, in bytes. Files of half of that are left as they are.
    pub target_bytes: u64,
    /// As many files of the current day are worth merging; of a day before, two are.
    pub min_files: usize,
    /// Segments that were changed later than so long ago are left alone: they may be again.
    pub settled: Duration,
    /// Tables that are worked on side by side.
    pub at_once: usize,
    /// Only tell what would be done.
    pub dry_run: bool,
}

impl Default for CompactionOptions {
    fn default() -> Self {
        Self {
            target_bytes: 128 << 20,
            min_files: 8,
            settled: Duration::from_secs(15 * 60),
            at_once: 2,
            dry_run: false,
        }
    }
}

/// What became of a table's files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Files that were merged.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files that are in their place.
    pub files_after: u64,
    /// The bytes of these.
    pub bytes_after: u64,
    /// Merges that were given up because somebody else had changed the table.
    pub given_up: u64,
}

impl Compacted {
    fn add(&mut self, other: Self) {
        self.files += other.files;
        self.bytes += other.bytes;
        self.files_after += other.files_after;
        self.bytes_after += other.bytes_after;
        self.given_up += other.given_up;
    }
}

impl Lake {
    /// Merges small files of each table and day; every row stays as it is.
    ///
    /// # Errors
    ///
    /// [`LakeError`]; what was merged before that stays merged.
    pub async fn compact(
        &self,
        options: &CompactionOptions,
    ) -> Result<Vec<(&'static Table, Compacted)>, LakeError> {
        let now = Utc::now();
        let (ledger, _) = self.ledger_and_files().await?;
        let ledger = Arc::new(ledger);
        let of_ledger = self.compact_table(SOURCES, &ledger, options, now).await?;
        let (ledger, _) = self.ledger_and_files().await?;
        let ledger = Arc::new(ledger);
        if !options.dry_run {
            self.remove(&replaced(&ledger)).await?;
        }
        let mut done: Vec<_> = stream::iter(facts())
            .map(async |table| {
                Ok::<_, LakeError>((table, self.compact_table(table, &ledger, options, now).await?))
            })
            .buffered(options.at_once.max(1))
            .try_collect()
            .await?;
        done.push((SOURCES, of_ledger));
        Ok(done)
    }

    async fn compact_table(
        &self,
        table: &'static Table,
        ledger: &Arc<Ledger>,
        options: &CompactionOptions,
        now: DateTime<Utc>,
    ) -> Result<Compacted, LakeError> {
        let files = self.table(table).await.files().await?.files;
        let candidates = self.candidates(table, files, ledger, options, now).await?;
        let mut done = Compacted::default();
        for merge in plan(candidates, options, now.date_naive()) {
            done.add(if options.dry_run {
                merge.expected()
            } else {
                self.merge(table, merge, ledger).await?
            });
        }
        Ok(done)
    }

    /// The files that may be merged.
    async fn candidates(
        &self,
        table: &'static Table,
        files: Vec<LakeFile>,
        ledger: &Ledger,
        options: &CompactionOptions,
        now: DateTime<Utc>,
    ) -> Result<Vec<Candidate>, LakeError> {
        let settled_ms = (now - options.settled).timestamp_millis();
        let days: BTreeMap<SourceKey, NaiveDate> = ledger
            .entries()
            .filter(|(_, entry, standing)| {
                // What a dry run leaves of the ledger would be merged by now.
                let in_ledger = entry.is_merged || options.dry_run;
                entry.modified_ms <= settled_ms && is_mergeable(table, entry, *standing, in_ledger)
            })
            .filter_map(|(key, entry, _)| Some((key, day(entry)?)))
            .collect();
        let replaced: BTreeSet<&str> = ledger
            .entries()
            .filter(|(_, entry, standing)| entry.is_merged && *standing == Standing::Replaced)
            .map(|(_, entry, _)| entry.identity.app_id.as_str())
            .collect();
        let mut candidates = Vec::new();
        for file in files {
            if let Some(key) = SourceKey::of_file(&file.path) {
                let day = days.get(&key).copied();
                candidates.extend(day.map(|day| Candidate { file, day, has_replaced: false }));
            } else if let Some(day) = day_of_file(&file.path) {
                let mut has_replaced = false;
                if table.name != SOURCES.name && file.may_have_any(&replaced) {
                    let store = self.store();
                    let merged =
                        self.merged_files().get(table, &file.path, file.size, &*store).await?;
                    has_replaced = merged.parts.iter().any(|part| ledger.is_replaced(part.segment));
                }
                candidates.push(Candidate { file, day, has_replaced });
            }
        }
        Ok(candidates)
    }

    async fn merge(
        &self,
        table: &'static Table,
        merge: Merge,
        ledger: &Arc<Ledger>,
    ) -> Result<Compacted, LakeError> {
        let files = merge.files;
        let mut merging = Merging::new(table)?;
        for file in &files {
            let broken = |source| LakeError::Store { path: file.path.clone(), source };
            let found = self.store().get(&Path::from(file.path.as_str())).await.map_err(broken)?;
            let bytes = found.bytes().await.map_err(broken)?;
            let segment = SourceKey::of_file(&file.path);
            let ledger = Arc::clone(ledger);
            let append = move || {
                merging.append(segment, bytes, |key| {
                    table.name == SOURCES.name || !ledger.is_replaced(key)
                })
            };
            merging = blocking(append).await?;
        }
        let fewer = merging.left_out > 0;
        let finish = {
            let files = files.clone();
            move || merging.finish(merge.day, &files)
        };
        let merged = match blocking(finish).await? {
            Some(file) => Some(self.put(file).await?),
            None => None,
        };
        if !self.table(table).await.rewrite(&files, merged.as_ref(), fewer).await? {
            tracing::info!(table = table.name, day = %merge.day, "others have changed its files");
            return Ok(Compacted { given_up: 1, ..Compacted::default() });
        }
        let done = Compacted {
            files: files.len() as u64,
            bytes: files.iter().map(|file| file.size).sum(),
            files_after: merged.iter().count() as u64,
            bytes_after: merged.iter().map(|file| file.size()).sum(),
            given_up: 0,
        };
        tracing::info!(
            table = table.name,
            day = %merge.day,
            files = done.files,
            bytes = done.bytes,
            bytes_after = done.bytes_after,
            "merged"
        );
        Ok(done)
    }
}

/// Segments that were replaced: those that somebody has left behind, and those that the ledger knows
/// for good.
fn replaced(ledger: &Ledger) -> HashSet<SourceKey> {
    let replaced = ledger
        .entries()
        .filter(|(_, entry, standing)| *standing == Standing::Replaced && entry.source.is_whole());
    replaced.map(|(key, ..)| key).collect()
}

/// Does `work` where it keeps nobody else waiting.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Whether the files of a segment may be merged; `in_ledger` says that its row of the ledger is.
fn is_mergeable(table: &Table, entry: &Entry, standing: Standing, in_ledger: bool) -> bool {
    // What could not be read may be another time, and is replaced then.
    if !entry.source.is_whole() || standing == Standing::Replaced {
        return false;
    }
    match table.name {
        name if name == SOURCES.name => true,
        name if name == QUARANTINE.name => in_ledger,
        _ => in_ledger && standing == Standing::Counted,
    }
}

fn day(entry: &Entry) -> Option<NaiveDate> {
    Some(DateTime::from_timestamp_millis(entry.modified_ms)?.date_naive())
}

/// A file that may be merged with others of its day.
struct Candidate {
    file: LakeFile,
    day: NaiveDate,
    /// Whether it has rows of segments that were replaced.
    has_replaced: bool,
}

/// Files that become one.
struct Merge {
    day: NaiveDate,
    files: Vec<LakeFile>,
}

impl Merge {
    fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }

    /// What it comes to, about.
    fn expected(&self) -> Compacted {
        Compacted {
            files: self.files.len() as u64,
            bytes: self.bytes(),
            files_after: 1,
            bytes_after: self.bytes(),
            given_up: 0,
        }
    }
}

/// Which files are merged: neighbours by application, so that a merged file has few of them.
fn plan(candidates: Vec<Candidate>, options: &CompactionOptions, today: NaiveDate) -> Vec<Merge> {
    let mut merges = Vec::new();
    let mut days: BTreeMap<NaiveDate, Vec<LakeFile>> = BTreeMap::new();
    for Candidate { file, day, has_replaced } in candidates {
        if has_replaced {
            merges.push(Merge { day, files: vec![file] });
        } else if file.size < options.target_bytes / 2 {
            days.entry(day).or_default().push(file);
        }
    }
    for (day, mut files) in days {
        files.sort_by(|a, b| (&a.app_ids, &a.path).cmp(&(&b.app_ids, &b.path)));
        let worth = if day < today { 2 } else { options.min_files.max(2) };
        let mut merge = Merge { day, files: Vec::new() };
        let mut finish = |merge: &mut Merge| {
            let files = std::mem::take(&mut merge.files);
            if files.len() >= worth {
                merges.push(Merge { day, files });
            }
        };
        for file in files {
            merge.files.push(file);
            if merge.bytes() >= options.target_bytes {
                finish(&mut merge);
            }
        }
        finish(&mut merge);
    }
    merges
}

/// A merged file that is being written.
struct Merging {
    table: &'static Table,
    file: ParquetFile,
    packer: Packer,
    parts: Vec<Part>,
    left_out: usize,
}

impl Merging {
    fn new(table: &'static Table) -> Result<Self, LakeError> {
        let file = ParquetFile::of_many(table).map_err(LakeError::encode(table.name))?;
        Ok(Self { table, file, packer: Packer::default(), parts: Vec::new(), left_out: 0 })
    }

    /// Appends the rows of a file of `segment`, or of a merged one those of segments that
    /// `is_kept`.
    fn append(
        mut self,
        segment: Option<SourceKey>,
        bytes: Bytes,
        is_kept: impl Fn(SourceKey) -> bool,
    ) -> Result<Self, LakeError> {
        let table = self.table.name;
        let (parts, batches) =
            rows(self.table, segment, bytes, is_kept).map_err(LakeError::decode(table))?;
        let mut written = 0;
        for batch in batches {
            let batch = batch.map_err(|error| LakeError::decode(table)(error.into()))?;
            self.file.write(&batch, &mut self.packer).map_err(LakeError::encode(table))?;
            written += batch.num_rows();
        }
        let kept: usize = parts.kept.iter().map(|part| part.rows).sum();
        debug_assert_eq!(kept, written, "a file has the rows that it says");
        self.left_out += parts.left_out;
        self.parts.extend(parts.kept);
        Ok(self)
    }

    /// The file of `day` with what `files` had; none where nothing is left.
    fn finish(mut self, day: NaiveDate, files: &[LakeFile]) -> Result<Option<DataFile>, LakeError> {
        let rows = self.parts.iter().map(|part| part.rows).sum();
        if rows == 0 {
            return Ok(None);
        }
        let bounds = files.iter().map(|file| file.app_ids.as_ref());
        let bounds: Option<Vec<_>> = bounds.collect();
        let least = bounds.iter().flatten().map(|(least, _)| least).min();
        let greatest = bounds.iter().flatten().map(|(_, greatest)| greatest).max();
        let stats = json!({
            "numRecords": rows,
            "minValues": { "app_id": least },
            "maxValues": { "app_id": greatest },
            "nullCount": { "app_id": 0 },
        });
        let name = file_name(day, &self.parts);
        let bytes = self.file.finish_with(metadata(&self.parts), &mut self.packer);
        let bytes = bytes.map_err(LakeError::encode(self.table.name))?.into();
        Ok(Some(DataFile { table: self.table, name, bytes, rows, stats: stats.to_string() }))
    }
}

/// What is taken out of a file.
struct Parts {
    kept: Vec<Part>,
    left_out: usize,
}

/// The rows of a file that are kept, and whose they are.
fn rows(
    table: &Table,
    segment: Option<SourceKey>,
    bytes: Bytes,
    is_kept: impl Fn(SourceKey) -> bool,
) -> ParquetResult<(Parts, parquet::arrow::arrow_reader::ParquetRecordBatchReader)> {
    let options = ArrowReaderOptions::new().with_schema(table.schema());
    let reader = ParquetRecordBatchReaderBuilder::try_new_with_options(bytes, options)?;
    let all = usize::try_from(reader.metadata().file_metadata().num_rows()).unwrap_or_default();
    if let Some(segment) = segment {
        let kept = vec![Part { segment, rows: all }];
        return Ok((Parts { kept, left_out: 0 }, reader.build()?));
    }
    let merged = Merged::of(reader.metadata())?;
    let ranges = merged.rows(&is_kept).into_iter();
    let selection = RowSelection::from_consecutive_ranges(ranges, all);
    let left_out = all - selection.row_count();
    let kept = merged.parts.into_iter().filter(|part| is_kept(part.segment)).collect();
    Ok((Parts { kept, left_out }, reader.with_row_selection(selection).build()?))
}

#[cfg(test)]
mod tests;
