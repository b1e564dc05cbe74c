//! The metrics of `sql/metrics/`: a family of samples from one query each.
//!
//! `spark/` has the names that Spark's own metrics would have, `stagelight/` ours. A file begins with
//! comment lines that declare the family:
//!
//! ```sql
//! -- family: stagelight_spark_stage_executor_run_time_seconds
//! -- type: gauge
//! -- help: Time that executors spent running the tasks of a stage attempt, summed over tasks.
//! -- unit: seconds
//! -- labels: app_id, app_name, stage_id, stage_attempt_id
//! -- budget: 500
//! -- rest: sum
//! SELECT app_id, ..., executor_run_time_ms / 1000.0 AS value FROM recent.stages ...
//! ```
//!
//! The query gives a column for each label and `value`, a row for each sample. Of a histogram it gives
//! a row for each bucket: its bound `le`, as `value` how many observations were not above that, and
//! their `sum`. Of more series than the `budget`, those with the greatest values stay, and the `rest`
//! becomes one series, its labels `other`, with their `sum` or `max`; or `none`. Labels that are `kept`
//! are not `other`: there is a series for each of their values.
//!
//! Besides the views the query can read schema `recent`: a table for each file of `sql/recent/`,
//! computed once for all metrics, in the order of their names. There `$window` stands for how long
//! ago an application's last event may be, and behind `app_ids`, `$app_ids` for those that are in it:
//! what is asked of them alone is not computed for all others. What all applications together add up
//! to is made of schema `live`: the rollups (see `rollups`), up to date.

mod counters;
mod declaration;
mod limits;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::catalog::{MemorySchemaProvider, SchemaProvider};
use datafusion::common::ParamValues;
use datafusion::datasource::MemTable;
use datafusion::error::DataFusionError;
use datafusion::scalar::ScalarValue;
use include_dir::{Dir, include_dir};
use stagelight_tables::APPLICATION_TOTALS;

use crate::engine::{Answer, Engine, collect, plan};
use crate::error::QueryError;
use crate::rollups::{LiveRollups, list};

pub use declaration::{FamilyType, Metric, Rest, metrics_reference};
pub use limits::Limits;

static RECENT: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../sql/recent");

/// What came of metrics.
#[derive(Debug, Default)]
pub struct Families {
    /// Those that could be computed.
    pub families: Vec<Family>,
    /// Names of those of users that could not, and why.
    pub failed: Vec<(String, QueryError)>,
}

/// A family with its samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    /// Its declaration.
    pub metric: Metric,
    /// Its samples.
    pub samples: Vec<Sample>,
    /// How many it had more, before it was limited.
    pub dropped: usize,
}

/// One sample; of a histogram, all that it has for some labels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// A value for each label of the family, empty where there is none.
    pub labels: Vec<String>,
    /// The value; of a histogram, the sum of what was observed.
    pub value: f64,
    /// The buckets of a histogram, the last one without a bound; else empty.
    pub buckets: Vec<Bucket>,
}

/// A bucket of a histogram.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// Its upper bound.
    pub le: f64,
    /// How many observations were not above it.
    pub count: f64,
}

impl Sample {
    /// How many series it is.
    pub fn series(&self) -> usize {
        // Of a histogram, the sum and the count as well.
        if self.buckets.is_empty() { 1 } else { self.buckets.len() + 2 }
    }
}

impl Family {
    /// How many series it has.
    pub fn series(&self) -> usize {
        self.samples.iter().map(Sample::series).sum()
    }
}

impl Metric {
    fn family(&self, answer: &Answer) -> Result<Family, QueryError> {
        let mut samples: Vec<Sample> = Vec::new();
        let mut at: HashMap<Vec<String>, usize> = HashMap::new();
        for batch in &answer.batches {
            let column = |name: &str, data_type: &DataType| -> Result<ArrayRef, QueryError> {
                let column = batch
                    .column_by_name(name)
                    .ok_or_else(|| self.error(format!("its query gives no column `{name}`")))?;
                Ok(cast(column, data_type).map_err(DataFusionError::from)?)
            };
            let labels = self
                .labels
                .iter()
                .map(|label| column(label, &DataType::Utf8))
                .collect::<Result<Vec<_>, _>>()?;
            let numbers = |name: &str| {
                let is_number = batch.column_by_name(name).is_none_or(|column| {
                    column.data_type().is_numeric() || *column.data_type() == DataType::Null
                });
                if !is_number {
                    return Err(self.error(format!("its column `{name}` is no number")));
                }
                column(name, &DataType::Float64)
            };
            let values = numbers("value")?;
            let bounds = match self.family_type {
                FamilyType::Histogram => Some((numbers("le")?, numbers("sum")?)),
                _ => None,
            };
            for (row, value) in values.as_primitive::<Float64Type>().iter().enumerate() {
                let Some(value) = value else { continue };
                let labels: Vec<_> = labels
                    .iter()
                    .map(|array| array.as_string_opt::<i32>())
                    .map(|array| array.filter(|a| a.is_valid(row)).map_or("", |a| a.value(row)))
                    .map(str::to_owned)
                    .collect();
                let Some((le, sum)) = &bounds else {
                    samples.push(Sample { labels, value, ..Sample::default() });
                    continue;
                };
                let [le, sum] =
                    [le, sum].map(|column| column.as_primitive::<Float64Type>().value(row));
                let at = *at.entry(labels).or_insert_with_key(|labels| {
                    let labels = labels.clone();
                    samples.push(Sample { labels, value: sum, ..Sample::default() });
                    samples.len() - 1
                });
                samples[at].buckets.push(Bucket { le, count: value });
            }
        }
        for buckets in samples.iter_mut().map(|sample| &mut sample.buckets) {
            buckets.sort_by(|a, b| a.le.total_cmp(&b.le));
            if buckets.last().is_some_and(|last| last.le != f64::INFINITY) {
                return Err(self.error("its query gives no bucket without a bound".to_owned()));
            }
            if buckets.windows(2).any(|pair| pair[1].count < pair[0].count) {
                let reason = "of its buckets, one has fewer observations than a smaller one";
                return Err(self.error(reason.to_owned()));
            }
        }
        Ok(Family { metric: self.clone(), samples, dropped: 0 })
    }

    fn error(&self, reason: String) -> QueryError {
        QueryError::Metric { file: self.file.clone(), reason }
    }
}

impl Engine {
    /// The samples of `metrics` for applications that had an event within `window`; those of counters
    /// and histograms, for all. `live` is what was left of the call before.
    ///
    /// # Errors
    ///
    /// [`QueryError`] where the lake cannot be asked, or one of our own metrics cannot be computed.
    pub async fn families(
        &self,
        metrics: &[Metric],
        window: Duration,
        live: &mut LiveRollups,
    ) -> Result<Families, QueryError> {
        let seconds = i64::try_from(window.as_secs()).unwrap_or(i64::MAX / 1_000_000_000);
        let nanoseconds = seconds.saturating_mul(1_000_000_000);
        let window = ScalarValue::new_interval_mdn(0, 0, nanoseconds);
        let mut parameters = vec![("window", window)];

        let shared = Arc::default();
        let recent = Arc::new(MemorySchemaProvider::new());
        let totals = self.live_totals(live).await?;
        let totals = MemTable::try_new(APPLICATION_TOTALS.schema(), vec![totals])?;
        let rollups = MemorySchemaProvider::new();
        rollups.register_table(APPLICATION_TOTALS.name.to_owned(), Arc::new(totals))?;
        let live = ("live", Arc::new(rollups) as _);
        let session = self.session_with([("recent", Arc::clone(&recent) as _), live])?;
        let mut files: Vec<_> = RECENT.files().collect();
        files.sort_by_key(|file| file.path());
        for file in files {
            let (Some(name), Some(sql)) = (file.path().file_stem(), file.contents_utf8()) else {
                continue;
            };
            let given = ParamValues::from(parameters.clone());
            let answer =
                collect(plan(&session, &shared, sql).await?.with_param_values(given)?).await?;
            if name == "app_ids" {
                parameters.push(("app_ids", list(texts(&answer)?.iter())));
            }
            let table = MemTable::try_new(answer.schema, vec![answer.batches])?;
            recent.register_table(name.to_string_lossy().into_owned(), Arc::new(table))?;
        }

        let mut families = Families::default();
        for metric in metrics {
            let given = ParamValues::from(parameters.clone());
            let answered = async {
                let question = plan(&session, &shared, &metric.sql).await?;
                collect(question.with_param_values(given)?).await
            };
            let family = match answered.await {
                Ok(answer) => metric.family(&answer),
                // Who has written the file looks for it.
                Err(error) => Err(metric.error(error.to_string())),
            };
            match family {
                Ok(family) => families.families.push(family),
                Err(error) if metric.is_embedded => return Err(error),
                Err(error) => families.failed.push((metric.family.clone(), error)),
            }
        }
        Ok(families)
    }
}

/// The texts of an answer's first column.
fn texts(answer: &Answer) -> Result<Vec<String>, QueryError> {
    let mut texts = Vec::new();
    for batch in &answer.batches {
        let column = cast(batch.column(0), &DataType::Utf8).map_err(DataFusionError::from)?;
        texts.extend(column.as_string::<i32>().iter().flatten().map(str::to_owned));
    }
    Ok(texts)
}
