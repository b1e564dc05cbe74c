//! Which files a table has at one version.

use deltalake_core::DeltaTable;
use serde::Deserialize;
use stagelight_tables::{QUARANTINE, Table};

use crate::ledger::Ledger;
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
                }
            })
            .collect();
        Ok(Self { table, version: state.version(), files })
    }

    /// Leaves the files whose rows count.
    pub(crate) fn retain_counted(&mut self, ledger: &Ledger) {
        let keys: Vec<_> = self.files.iter().map(|file| SourceKey::of_file(&file.path)).collect();
        let mut shown = ledger.shows(&keys, self.table.name == QUARANTINE.name).into_iter();
        self.files.retain(|_| shown.next().unwrap_or(true));
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
