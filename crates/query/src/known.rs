//! What views know besides the lake's own tables: schema `known`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::{
    ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringArray, StringViewArray,
    TimestampMillisecondArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::catalog::{MemorySchemaProvider, SchemaProvider};
use datafusion::datasource::MemTable;
use datafusion::error::{DataFusionError, Result};
use stagelight_lake::{Ledger, LedgerSegment};

use crate::engine::{Answer, alike};
use crate::error::QueryError;
use crate::table_functions::KnownApps;

/// A number from which on views judge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Threshold {
    /// In the unit that `sql/views/thresholds.sql` has for it.
    Number(f64),
    /// Of those that are in seconds.
    Duration(Duration),
}

impl Threshold {
    fn value(self) -> f64 {
        match self {
            Self::Number(value) => value,
            Self::Duration(duration) => duration.as_secs_f64(),
        }
    }
}

impl From<f64> for Threshold {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}

/// Numbers from which on views judge, where they are not those of `sql/views/thresholds.sql`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Thresholds(BTreeMap<String, Threshold>);

impl Thresholds {
    /// Takes `value` as the threshold `name`.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<Threshold>) {
        self.0.insert(name.into(), value.into());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Asks which there are.
    pub(crate) const ALL: &str = "SELECT name, unit FROM thresholds";

    /// Whether every threshold is one of [`Thresholds::ALL`], and a duration where that has seconds.
    pub(crate) fn check(&self, all: &Answer) -> Result<(), QueryError> {
        let mut units = BTreeMap::new();
        for batch in &all.batches {
            let [names, of] = [0, 1].map(|n| cast(batch.column(n), &DataType::Utf8));
            let (names, of) =
                (names.map_err(DataFusionError::from)?, of.map_err(DataFusionError::from)?);
            for (name, unit) in names.as_string::<i32>().iter().zip(of.as_string::<i32>()) {
                units.insert(
                    name.unwrap_or_default().to_owned(),
                    unit.unwrap_or_default().to_owned(),
                );
            }
        }
        for (name, value) in &self.0 {
            let Some(unit) = units.get(name) else {
                let like = alike(name, units.keys());
                return Err(QueryError::Threshold { name: name.clone(), like });
            };
            if matches!(value, Threshold::Duration(_)) && unit != "seconds" {
                return Err(QueryError::ThresholdUnit { name: name.clone(), unit: unit.clone() });
            }
        }
        Ok(())
    }
}

/// The tables of the schema.
pub(crate) struct Known {
    /// How each segment of the ledger stands.
    standings: Arc<MemTable>,
    thresholds: Arc<MemTable>,
    /// The applications that they are of.
    pub(crate) apps: Arc<KnownApps>,
}

impl Known {
    pub(crate) fn new(ledger: &Ledger, thresholds: &Thresholds) -> Result<Self, QueryError> {
        let names = StringArray::from_iter_values(thresholds.0.keys());
        let values =
            Float64Array::from_iter_values(thresholds.0.values().map(|value| value.value()));
        let thresholds = batch([("name", Arc::new(names)), ("value", Arc::new(values))])?;
        let table = |batch: RecordBatch| -> Result<_> {
            Ok(Arc::new(MemTable::try_new(batch.schema(), vec![vec![batch]])?))
        };
        let apps = Arc::new(KnownApps::default());
        apps.replace(ledger);
        Ok(Self { standings: table(standings(ledger)?)?, thresholds: table(thresholds)?, apps })
    }

    pub(crate) fn schema(&self) -> Result<Arc<dyn SchemaProvider>> {
        let schema = MemorySchemaProvider::new();
        schema.register_table("standings".to_owned(), Arc::clone(&self.standings) as _)?;
        schema.register_table("thresholds".to_owned(), Arc::clone(&self.thresholds) as _)?;
        Ok(Arc::new(schema))
    }

    /// Tells of another state of the ledger.
    pub(crate) async fn replace(&self, ledger: &Ledger) -> Result<(), QueryError> {
        *self.standings.batches[0].write().await = vec![standings(ledger)?];
        self.apps.replace(ledger);
        Ok(())
    }
}

fn standings(ledger: &Ledger) -> Result<RecordBatch> {
    let all: Vec<_> = ledger.segments().collect();
    let texts = |text: fn(&LedgerSegment<'_>) -> String| -> ArrayRef {
        Arc::new(StringViewArray::from_iter_values(all.iter().map(text)))
    };
    let times = TimestampMillisecondArray::from_iter(all.iter().map(|s| s.last_event_ms));
    batch([
        ("uri", texts(|segment| segment.source.uri.clone())),
        ("etag", texts(|segment| segment.source.etag.clone())),
        ("app_id", texts(|segment| segment.identity.app_id.clone())),
        ("attempt_id", texts(|segment| segment.identity.attempt_id.clone().unwrap_or_default())),
        ("key", Arc::new(Int64Array::from_iter_values(all.iter().map(LedgerSegment::key)))),
        ("state", texts(|segment| segment.standing.as_str().to_owned())),
        ("events", Arc::new(Int64Array::from_iter_values(all.iter().map(events)))),
        ("last_event_time", Arc::new(times.with_timezone_utc())),
    ])
}

fn events(segment: &LedgerSegment<'_>) -> i64 {
    i64::try_from(segment.events).unwrap_or(i64::MAX)
}

fn batch<const N: usize>(columns: [(&str, ArrayRef); N]) -> Result<RecordBatch> {
    Ok(RecordBatch::try_from_iter(columns)?)
}
