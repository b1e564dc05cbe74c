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
//! The query gives a column for each label and `value`, a row for each sample. Of more samples than
//! the `budget`, those with the greatest values stay, and the `rest` becomes one series, its labels
//! `other`, with their `sum` or `max`; or `none`. Labels that are `kept` are not `other`: there is a
//! series for each of their values.
//!
//! Besides the views the query can read schema `recent`: a table for each file of `sql/recent/`,
//! computed once for all metrics, in the order of their names. There `$window` stands for how long
//! ago an application's last event may be, and behind `applications`, `$app_ids` for those that are
//! in it: what is asked of them alone is not computed for all others.

mod declaration;
mod limits;

use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::catalog::{MemorySchemaProvider, SchemaProvider};
use datafusion::common::ParamValues;
use datafusion::datasource::MemTable;
use datafusion::scalar::ScalarValue;
use include_dir::{Dir, include_dir};

use crate::engine::{Answer, Engine, collect, plan};
use crate::error::QueryError;

pub use declaration::{FamilyType, Metric, Rest, metrics_reference};
pub use limits::limit;

static RECENT: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../sql/recent");

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

/// One sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// A value for each label of the family, empty where there is none.
    pub labels: Vec<String>,
    /// The value.
    pub value: f64,
}

impl Metric {
    fn family(&self, answer: &Answer) -> Result<Family, QueryError> {
        let mut samples = Vec::new();
        for batch in &answer.batches {
            let column = |name: &str, data_type: &DataType| -> Result<ArrayRef, QueryError> {
                let column = batch.column_by_name(name).ok_or_else(|| QueryError::Metric {
                    file: self.file.clone(),
                    reason: format!("its query gives no column `{name}`"),
                })?;
                Ok(cast(column, data_type).map_err(datafusion::error::DataFusionError::from)?)
            };
            let labels = self
                .labels
                .iter()
                .map(|label| column(label, &DataType::Utf8))
                .collect::<Result<Vec<_>, _>>()?;
            let values = column("value", &DataType::Float64)?;
            for (row, value) in values.as_primitive::<Float64Type>().iter().enumerate() {
                let Some(value) = value else { continue };
                let labels = labels
                    .iter()
                    .map(|array| array.as_string_opt::<i32>())
                    .map(|array| array.filter(|a| a.is_valid(row)).map_or("", |a| a.value(row)))
                    .map(str::to_owned)
                    .collect();
                samples.push(Sample { labels, value });
            }
        }
        Ok(Family { metric: self.clone(), samples, dropped: 0 })
    }
}

impl Engine {
    /// The samples of `metrics` for applications that had an event within `window`.
    ///
    /// # Errors
    ///
    /// [`QueryError`] of the first metric that cannot be computed.
    pub async fn families(
        &self,
        metrics: &[Metric],
        window: Duration,
    ) -> Result<Vec<Family>, QueryError> {
        let seconds = i64::try_from(window.as_secs()).unwrap_or(i64::MAX / 1_000_000_000);
        let nanoseconds = seconds.saturating_mul(1_000_000_000);
        let window = ScalarValue::new_interval_mdn(0, 0, nanoseconds);
        let mut parameters = vec![("window", window)];

        let shared = Arc::default();
        let recent = Arc::new(MemorySchemaProvider::new());
        let session = self.session_with("recent", Arc::clone(&recent) as _)?;
        let mut files: Vec<_> = RECENT.files().collect();
        files.sort_by_key(|file| file.path());
        for file in files {
            let (Some(name), Some(sql)) = (file.path().file_stem(), file.contents_utf8()) else {
                continue;
            };
            let given = ParamValues::from(parameters.clone());
            let answer =
                collect(plan(&session, &shared, sql).await?.with_param_values(given)?).await?;
            if name == "applications" {
                parameters.push(("app_ids", app_ids(&answer)?));
            }
            let table = MemTable::try_new(answer.schema, vec![answer.batches])?;
            recent.register_table(name.to_string_lossy().into_owned(), Arc::new(table))?;
        }

        let mut families = Vec::with_capacity(metrics.len());
        for metric in metrics {
            let answered = async { collect(plan(&session, &shared, &metric.sql).await?).await };
            // Who has written the file looks for it.
            let answer = answered.await.map_err(|error| QueryError::Metric {
                file: metric.file.clone(),
                reason: error.to_string(),
            })?;
            families.push(metric.family(&answer)?);
        }
        Ok(families)
    }
}

/// The application ids of an answer, as a list.
fn app_ids(answer: &Answer) -> Result<ScalarValue, QueryError> {
    let mut ids = Vec::new();
    for batch in &answer.batches {
        let column = batch.column_by_name("app_id").expect("applications have ids");
        for row in 0..column.len() {
            ids.push(ScalarValue::try_from_array(column, row)?);
        }
    }
    Ok(ScalarValue::List(ScalarValue::new_list(&ids, &DataType::Utf8View, true)))
}
