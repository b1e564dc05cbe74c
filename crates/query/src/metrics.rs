//! The metrics of `sql/metrics/`: a family of samples from one query each.
//!
//! A file begins with comment lines that declare the family:
//!
//! ```sql
//! -- family: stagelight_spark_stage_run_time_seconds
//! -- type: gauge
//! -- help: Time that the tasks of a stage attempt ran.
//! -- labels: app_id, app_name, stage_id, stage_attempt_id
//! SELECT app_id, ..., executor_run_time_ms / 1000.0 AS value FROM stages ...
//! ```
//!
//! The query gives a column for each label and `value`, a row for each sample. Besides the views
//! it can read schema `recent`: a table for each file of `sql/recent/`, computed once for all
//! metrics, in the order of their names. There `$window` stands for how long ago an application's
//! last event may be, and behind `applications`, `$app_ids` for those that are in it: what is asked
//! of them alone is not computed for all others.

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

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../sql/metrics");
static RECENT: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../sql/recent");

/// The type of a family, as Prometheus has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FamilyType {
    /// A value that goes up and down.
    Gauge,
    /// A value that only goes up; its name ends in `_total`.
    Counter,
}

impl FamilyType {
    /// The word of the exposition format.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
        }
    }
}

/// The declaration of a metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Name of the family.
    pub family: String,
    /// Type of the family.
    pub family_type: FamilyType,
    /// What it means.
    pub help: String,
    /// Names of its labels.
    pub labels: Vec<String>,
    sql: String,
    file: String,
}

/// A family with its samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    /// Its declaration.
    pub metric: Metric,
    /// Its samples.
    pub samples: Vec<Sample>,
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
    /// The metrics that are part of the binary, by family.
    ///
    /// # Errors
    ///
    /// [`QueryError::Metric`] where a file's header is wrong.
    pub fn embedded() -> Result<Vec<Self>, QueryError> {
        let mut metrics = FILES
            .files()
            .filter(|file| file.path().extension().is_some_and(|e| e == "sql"))
            .map(|file| {
                let name = file.path().display().to_string();
                Self::parse(&name, file.contents_utf8().unwrap_or_default())
            })
            .collect::<Result<Vec<_>, _>>()?;
        metrics.sort_by(|a, b| a.family.cmp(&b.family));
        Ok(metrics)
    }

    fn parse(file: &str, sql: &str) -> Result<Self, QueryError> {
        let error = |reason: String| QueryError::Metric { file: file.to_owned(), reason };
        let field = |name: &str| {
            sql.lines()
                .map_while(|line| line.strip_prefix("--"))
                .find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(':'))
                .map(|value| value.trim().to_owned())
                .filter(|value| !value.is_empty())
                .ok_or_else(|| error(format!("its header has no `{name}:`")))
        };
        let family_type = match field("type")?.as_str() {
            "gauge" => FamilyType::Gauge,
            "counter" => FamilyType::Counter,
            other => return Err(error(format!("`{other}` is no type of a family"))),
        };
        Ok(Self {
            family: field("family")?,
            family_type,
            help: field("help")?,
            labels: field("labels")?.split(',').map(|label| label.trim().to_owned()).collect(),
            sql: sql.to_owned(),
            file: file.to_owned(),
        })
    }

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
        Ok(Family { metric: self.clone(), samples })
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
            families
                .push(metric.family(&collect(plan(&session, &shared, &metric.sql).await?).await?)?);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_metric_has_a_whole_header() {
        let metrics = Metric::embedded().expect("headers are whole");
        assert!(!metrics.is_empty());
        for metric in metrics {
            assert!(metric.family.starts_with("stagelight_"), "{}", metric.family);
            assert_eq!(
                metric.family_type == FamilyType::Counter,
                metric.family.ends_with("_total"),
                "{}",
                metric.family
            );
        }
    }

    #[test]
    fn a_header_without_a_field_names_it() {
        let error = Metric::parse("a.sql", "-- family: x\n-- type: gauge\nSELECT 1")
            .expect_err("the header is wrong");
        assert_eq!(error.to_string(), "metric a.sql: its header has no `help:`");
        let error =
            Metric::parse("a.sql", "-- type: sum\nSELECT 1").expect_err("the header is wrong");
        assert_eq!(error.to_string(), "metric a.sql: `sum` is no type of a family");
    }
}
