//! Which files a table has at one version.

use std::collections::BTreeSet;
use std::ops::Range;

use deltalake_core::DeltaTable;
use futures::future::try_join_all;
use object_store::ObjectStore;
use serde::Deserialize;
use stagelight_tables::Table;

use crate::error::LakeError;
use crate::ledger::Ledger;
use crate::merged::{MergedFiles, day_of_file};
use crate::source::SourceKey;

/// The files of a table at one version.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The table.
    pub table: &'static Table,
    /// Delta version of the table.
    pub version: u64,
    /// Its files.
    pub files: Vec<LakeFile>,
}

/// A data file that a table has.
#[derive(Clone, Debug)]
pub struct LakeFile {
    /// Its path from the root of the lake.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its rows, where the log says so.
    pub rows: Option<usize>,
    /// The least and the greatest `app_id` in it, where the log says so.
    pub app_ids: Option<(String, String)>,
    /// Whether the log says that all rows have one and the same `app_id`.
    pub has_one_app_id: bool,
    /// Which of its rows count; `None` where all do.
    pub shown: Option<ShownRows>,
}

/// Which rows of a file count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownRows {
    /// The rows of each of its row groups.
    pub row_groups: Vec<usize>,
    /// Those that count, in order.
    pub rows: Vec<Range<usize>>,
}

impl LakeFile {
    /// Its name in the table's folder.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// Whether it may have rows of one of `app_ids`.
    pub(crate) fn may_have_any(&self, app_ids: &BTreeSet<&str>) -> bool {
        self.app_ids.as_ref().is_none_or(|(least, greatest)| {
            app_ids.range(least.as_str()..).next().is_some_and(|id| *id <= greatest.as_str())
        })
    }
}

impl Snapshot {
    pub(crate) fn of(
        table: &'static Table,
        delta: &DeltaTable,
    ) -> deltalake_core::DeltaResult<Self> {
        let state = delta.snapshot()?;
        let files = state
            .log_data()
            .iter()
            .map(|file| {
                let stats: Stats = file
                    .stats()
                    .and_then(|json| serde_json::from_str(&json).ok())
                    .unwrap_or_default();
                let app_ids = stats.min_values.app_id.zip(stats.max_values.app_id);
                LakeFile {
                    path: format!("{}/{}", table.name, file.object_store_path()),
                    size: u64::try_from(file.size()).unwrap_or_default(),
                    rows: stats.num_records,
                    has_one_app_id: stats.null_count.app_id == Some(0)
                        && app_ids.as_ref().is_some_and(|(least, greatest)| least == greatest),
                    app_ids,
                    shown: None,
                }
            })
            .collect();
        Ok(Self { table, version: state.version(), files })
    }

    /// Leaves what counts: files named after a segment whose rows do, and these rows of merged ones.
    pub(crate) async fn retain_counted(
        &mut self,
        ledger: &Ledger,
        merged_files: &MergedFiles,
        store: &dyn ObjectStore,
    ) -> Result<(), LakeError> {
        let table = self.table;
        self.files.retain(|file| {
            SourceKey::of_file(&file.path).is_none_or(|key| ledger.shows(key, table))
        });
        // What a merged file has of segments that do not count is in the ledger for good.
        let hidden: BTreeSet<&str> = ledger
            .entries()
            .filter(|(key, entry, _)| entry.is_merged && !ledger.shows(*key, table))
            .map(|(_, entry, _)| entry.identity.app_id.as_str())
            .collect();
        if hidden.is_empty() {
            return Ok(());
        }
        let shown = self.files.iter_mut().map(async |file| {
            if day_of_file(&file.path).is_none() || !file.may_have_any(&hidden) {
                return Ok(());
            }
            let merged = merged_files.get(table, &file.path, file.size, store).await?;
            let rows = merged.rows(|key| ledger.shows(key, table));
            file.rows = Some(rows.iter().map(Range::len).sum());
            file.shown = Some(ShownRows { row_groups: merged.row_groups.clone(), rows });
            Ok(())
        });
        try_join_all(shown).await?;
        self.files.retain(|file| file.shown.as_ref().is_none_or(|shown| !shown.rows.is_empty()));
        Ok(())
    }
}

/// The part of a file's Delta statistics that pruning uses.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Stats {
    num_records: Option<usize>,
    min_values: Bounds,
    max_values: Bounds,
    null_count: NullCount,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Bounds {
    app_id: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct NullCount {
    app_id: Option<u64>,
}
