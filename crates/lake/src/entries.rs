//! The rows of the ledger, out of the Delta log where that has them.

use std::collections::HashMap;
use std::mem;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, TimeUnit};
use chrono::DateTime;
use deltalake_core::DeltaTable;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::Deserialize;
use stagelight_tables::SOURCES;

use crate::error::LakeError;
use crate::ledger::Entry;

/// The columns that the ledger's files have statistics of.
pub(crate) const COLUMNS: &[&str] = &[
    "app_id",
    "attempt_id",
    "segment",
    "uri",
    "etag",
    "size",
    "modified_at",
    "layout",
    "events",
    "quarantined",
    "last_event_time",
];

/// Statistics of a ledger file; those of a file of one row are the row.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stats {
    num_records: u64,
    min_values: Row,
}

#[derive(Deserialize)]
struct Row {
    app_id: String,
    attempt_id: String,
    uri: String,
    etag: String,
    layout: String,
    segment: i64,
    size: i64,
    modified_at: String,
    events: i64,
    quarantined: i64,
    last_event_time: Option<String>,
}

impl Row {
    fn entry(&self) -> Option<Entry> {
        let modified = DateTime::parse_from_rfc3339(&self.modified_at).ok()?;
        let last_event = self.last_event_time.as_deref().map(DateTime::parse_from_rfc3339);
        Entry::from_row(
            [&self.app_id, &self.attempt_id, &self.uri, &self.etag, &self.layout],
            [self.segment, self.size, modified.timestamp_millis(), self.events, self.quarantined],
            last_event.transpose().ok()?.map(|time| time.timestamp_millis()),
        )
    }
}

/// By name, what the ledger's files have, read once: files do not change.
#[derive(Debug, Default)]
pub(crate) struct LedgerFiles(HashMap<String, Vec<Arc<Entry>>>);

impl LedgerFiles {
    /// Every row of the ledger. A file whose statistics are not a row, since it is a merged one or
    /// somebody else has rewritten the table, is read.
    pub(crate) async fn entries(
        &mut self,
        ledger: &DeltaTable,
        store: &dyn ObjectStore,
    ) -> Result<Vec<Arc<Entry>>, LakeError> {
        let error = LakeError::delta(SOURCES.name);
        let state = ledger.snapshot().map_err(error)?;
        let mut before = mem::take(&mut self.0);
        for file in state.log_data().iter() {
            let name = file.object_store_path().to_string();
            let entries = match before.remove(&name) {
                Some(entries) => entries,
                None => match file.stats().and_then(|json| row(&json)) {
                    Some(entry) => vec![Arc::new(entry)],
                    None => read_file(&name, store).await?,
                },
            };
            self.0.insert(name, entries);
        }
        Ok(self.0.values().flatten().cloned().collect())
    }
}

/// The row of a file that has one, out of its statistics.
fn row(stats: &str) -> Option<Entry> {
    let stats: Stats = serde_json::from_str(stats).ok()?;
    (stats.num_records == 1).then(|| stats.min_values.entry())?
}

async fn read_file(name: &str, store: &dyn ObjectStore) -> Result<Vec<Arc<Entry>>, LakeError> {
    let path = format!("{}/{name}", SOURCES.name);
    let broken = |source| LakeError::Store { path: path.clone(), source };
    let file = store.get(&Path::from(path.as_str())).await.map_err(broken)?;
    let bytes = file.bytes().await.map_err(broken)?;
    let undecoded = LakeError::decode(SOURCES.name);
    let decode = || {
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes)?.build()?;
        let mut entries = Vec::new();
        for batch in reader {
            entries.extend(rows(&batch?)?);
        }
        Ok(entries)
    };
    decode().map_err(undecoded)
}

fn rows(batch: &RecordBatch) -> Result<Vec<Arc<Entry>>, parquet::errors::ParquetError> {
    let column = |name: &str, data_type: &DataType| {
        let column = batch.column_by_name(name).ok_or_else(|| {
            parquet::errors::ParquetError::General(format!("there is no column {name}"))
        })?;
        Ok::<_, parquet::errors::ParquetError>(cast(column, data_type)?)
    };
    let millis = DataType::Timestamp(TimeUnit::Millisecond, None);
    let texts =
        ["app_id", "attempt_id", "uri", "etag", "layout"].map(|name| column(name, &DataType::Utf8));
    let numbers =
        ["segment", "size", "modified_at", "events", "quarantined"].map(|name| match name {
            "modified_at" => Ok(cast(&column(name, &millis)?, &DataType::Int64)?),
            _ => column(name, &DataType::Int64),
        });
    let texts = texts.into_iter().collect::<Result<Vec<_>, _>>()?;
    let numbers = numbers.into_iter().collect::<Result<Vec<_>, _>>()?;
    let last_events = cast(&column("last_event_time", &millis)?, &DataType::Int64)?;
    let last_events = last_events.as_primitive::<Int64Type>();
    let entry = |row: usize| {
        let entry = Entry::from_row(
            std::array::from_fn(|at| texts[at].as_string::<i32>().value(row)),
            std::array::from_fn(|at| numbers[at].as_primitive::<Int64Type>().value(row)),
            last_events.is_valid(row).then(|| last_events.value(row)),
        )?;
        Some(Arc::new(Entry { is_merged: true, ..entry }))
    };
    Ok((0..batch.num_rows()).filter_map(entry).collect())
}
