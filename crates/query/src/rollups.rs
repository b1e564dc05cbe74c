//! The rollups of `sql/rollups/`: what each application adds up to, so that who asks about all of them
//! need not look at their events.
//!
//! A rollup is a table of the lake that `maintain` makes of the others, application by application. A
//! row of `application_totals` says of which segments it was made: whoever reads the rollups computes
//! the rows of those applications anew that have got others since, and so always has all of them.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{AsArray, BooleanArray, RecordBatch, StringArray};
use datafusion::arrow::compute::{cast, filter_record_batch};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::catalog::{MemorySchemaProvider, SchemaProvider};
use datafusion::common::ParamValues;
use datafusion::datasource::MemTable;
use datafusion::error::{DataFusionError, Result};
use datafusion::prelude::SessionContext;
use datafusion::scalar::ScalarValue;
use include_dir::{Dir, include_dir};
use sha2::{Digest, Sha256};
use stagelight_tables::{ROLLUPS, Table};

use crate::engine::{Answer, Engine, collect, plan};
use crate::error::QueryError;
use crate::views::View;

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../sql/rollups");

/// Schema of the rollups as they are now: those of the lake, and what was computed anew.
pub(crate) const LIVE: &str = "live";

/// So many applications are computed at once at most: those that have about so many events.
const AT_ONCE: usize = 1_000;
const EVENTS_AT_ONCE: i64 = 5_000_000;
/// So many are rolled up before the lake gets their rows, which are written with those of all others.
const A_ROUND: usize = 4_000;

/// Another one for other SQL.
static DEFINITION: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    ROLLUPS.iter().for_each(|table| hash.update(sql(table)));
    View::all().iter().for_each(|view| hash.update(view.sql));
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
});

/// Applications of which the rollup `totals` does not say what the lake has.
fn outdated(totals: &str) -> String {
    format!(
        "SELECT attempts.app_id, attempts.num_events
         FROM attempts
         LEFT JOIN {totals} AS totals
             ON totals.app_id = attempts.app_id AND totals.attempt_id = attempts.attempt_id
         WHERE (totals.segments_key IS DISTINCT FROM attempts.segments_key)"
    )
}

fn sql(table: &Table) -> &'static str {
    let file = FILES.get_file(format!("{}.sql", table.name));
    file.and_then(|file| file.contents_utf8()).expect("each rollup has a file")
}

/// Rows of rollups that the lake does not have: those of applications that have got more since.
#[derive(Debug, Default)]
pub struct LiveRollups(BTreeMap<&'static str, Vec<RecordBatch>>);

impl Engine {
    /// The applications that have changed since they were rolled up last, or that were by other SQL.
    ///
    /// # Errors
    ///
    /// As [`Engine::sql`].
    pub async fn to_roll_up(&self) -> Result<Applications, QueryError> {
        let outdated = outdated("lake.application_totals");
        let differs = format!("{outdated} OR totals.definition <> '{}'", *DEFINITION);
        Ok(Applications::of(&self.sql(&differs).await?)?)
    }

    /// Rolls them up, and tells how many there were. After every few thousand, `progress` is told how
    /// many are done, and how many there are in all.
    ///
    /// # Errors
    ///
    /// [`QueryError`]; what was rolled up until then stays.
    pub async fn roll_up(
        &self,
        mut progress: impl FnMut(usize, usize),
    ) -> Result<usize, QueryError> {
        self.refresh().await?;
        let all = self.to_roll_up().await?;
        let mut done = 0;
        for round in all.portions(A_ROUND, i64::MAX) {
            let rows = self.rolled_up(&round).await?;
            let session = self.session_of([("new", &rows)], &round)?;
            for table in ROLLUPS {
                let name = table.name;
                let all = format!(
                    "SELECT * FROM lake.{name} WHERE app_id NOT IN (SELECT app_id FROM new.app_ids)
                     UNION ALL
                     SELECT * FROM new.{name}
                     ORDER BY app_id, attempt_id"
                );
                let all = collect(plan(&session, &Arc::default(), &all).await?).await?;
                self.overwrite(table, &as_declared(table, &all.batches)?).await?;
            }
            self.refresh().await?;
            done += round.len();
            progress(done, all.len());
        }
        Ok(done)
    }

    /// The rows of every rollup for some applications.
    async fn rolled_up(&self, of: &Applications) -> Result<LiveRollups, QueryError> {
        let mut rows = LiveRollups::default();
        for portion in of.portions(AT_ONCE, EVENTS_AT_ONCE) {
            let given = ParamValues::from(vec![
                ("app_ids", list(portion.0.keys())),
                ("definition", ScalarValue::from(DEFINITION.as_str())),
            ]);
            let shared = Arc::default();
            for table in ROLLUPS {
                let question = self.plan(&shared, sql(table)).await?;
                let answer = collect(question.with_param_values(given.clone())?).await?;
                let batches = as_declared(table, &answer.batches)?;
                rows.0.entry(table.name).or_default().extend(batches);
            }
        }
        Ok(rows)
    }

    /// A schema of the rollups as they are now. What `live` has from before is not computed again.
    pub(crate) async fn live_rollups(
        &self,
        live: &mut LiveRollups,
    ) -> Result<Arc<dyn SchemaProvider>, QueryError> {
        let changed = Applications::of(&self.sql(&outdated("lake.application_totals")).await?)?;
        let session = self.session_of([("before", live)], &Applications::default())?;
        let outdated = outdated("before.application_totals");
        let outdated = collect(plan(&session, &Arc::default(), &outdated).await?).await?;
        let outdated = Applications::of(&outdated)?;
        let (anew, kept): (BTreeMap<_, _>, BTreeMap<_, _>) =
            changed.0.clone().into_iter().partition(|(id, _)| outdated.0.contains_key(id));
        let (anew, kept) = (Applications(anew), Applications(kept));
        let computed = self.rolled_up(&anew).await?;
        for table in ROLLUPS {
            let before = live.0.remove(table.name).unwrap_or_default();
            let mut rows = Vec::new();
            for batch in before {
                rows.extend(only(&batch, &kept)?);
            }
            rows.extend(computed.0.get(table.name).into_iter().flatten().cloned());
            live.0.insert(table.name, rows);
        }

        let session = self.session_of([("new", live)], &changed)?;
        let schema = MemorySchemaProvider::new();
        for Table { name, .. } in ROLLUPS {
            let all = format!(
                "SELECT * FROM lake.{name} WHERE app_id NOT IN (SELECT app_id FROM new.app_ids)
                 UNION ALL
                 SELECT * FROM new.{name}"
            );
            let all = plan(&session, &Arc::default(), &all).await?;
            schema.register_table((*name).to_owned(), all.into_view())?;
        }
        Ok(Arc::new(schema))
    }

    /// A session that has rollups in schemas of their own, and beside them the table `app_ids`.
    fn session_of<const N: usize>(
        &self,
        schemas: [(&'static str, &LiveRollups); N],
        of: &Applications,
    ) -> Result<SessionContext, QueryError> {
        let schemas = schemas.into_iter().map(|(name, rollups)| {
            let schema = MemorySchemaProvider::new();
            for table in ROLLUPS {
                let rows = rollups.0.get(table.name).cloned().unwrap_or_default();
                let rows = MemTable::try_new(table.schema(), vec![rows])?;
                schema.register_table(table.name.to_owned(), Arc::new(rows))?;
            }
            let ids: StringArray = of.0.keys().map(Some).collect();
            let ids = RecordBatch::try_from_iter([("app_id", Arc::new(ids) as _)])?;
            let ids = MemTable::try_new(ids.schema(), vec![vec![ids]])?;
            schema.register_table("app_ids".to_owned(), Arc::new(ids))?;
            Ok::<_, DataFusionError>((name, Arc::new(schema) as Arc<dyn SchemaProvider>))
        });
        self.session_with(schemas.collect::<Result<Vec<_>>>()?)
    }
}

/// Applications, and how many events each has.
#[derive(Debug, Default)]
pub struct Applications(BTreeMap<String, i64>);

impl Applications {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those of an answer of ids and numbers of events.
    fn of(answer: &Answer) -> Result<Self> {
        let mut all = BTreeMap::new();
        for batch in &answer.batches {
            let ids = cast(batch.column(0), &DataType::Utf8)?;
            let events = batch.column(1).as_primitive::<Int64Type>();
            for (id, events) in ids.as_string::<i32>().iter().zip(events) {
                // Of several attempts, those of one application are rolled up together.
                *all.entry(id.unwrap_or_default().to_owned()).or_default() += events.unwrap_or(0);
            }
        }
        Ok(Self(all))
    }

    /// Portions of so many applications and events at most, but for one that has more alone.
    fn portions(&self, applications: usize, events: i64) -> Vec<Self> {
        let mut portions: Vec<Self> = Vec::new();
        let mut left = 0;
        for (id, has) in &self.0 {
            match portions.last_mut().filter(|last| last.len() < applications && *has <= left) {
                Some(last) => {
                    last.0.insert(id.clone(), *has);
                }
                None => {
                    portions.push(Self(BTreeMap::from([(id.clone(), *has)])));
                    left = events;
                }
            }
            left = left.saturating_sub(*has);
        }
        portions
    }
}

/// Application ids as a list.
pub(crate) fn list<'a>(ids: impl Iterator<Item = &'a String>) -> ScalarValue {
    let ids: Vec<_> = ids.map(|id| ScalarValue::Utf8View(Some(id.clone()))).collect();
    ScalarValue::List(ScalarValue::new_list(&ids, &DataType::Utf8View, true))
}

/// The rows of some applications; `None` where there are none.
fn only(batch: &RecordBatch, applications: &Applications) -> Result<Option<RecordBatch>> {
    let of = batch.column_by_name("app_id").expect("rollups have ids").as_string::<i32>();
    let is_one = |id: &str| applications.0.contains_key(id);
    let is_kept: BooleanArray = of.iter().map(|id| id.map(is_one)).collect();
    let kept = filter_record_batch(batch, &is_kept)?;
    Ok(Some(kept).filter(|kept| kept.num_rows() > 0))
}

/// The rows as the lake has them: a question's types are others.
fn as_declared(table: &Table, batches: &[RecordBatch]) -> Result<Vec<RecordBatch>> {
    let schema = table.schema();
    let declared = |batch: &RecordBatch| {
        let columns = schema.fields().iter().map(|field| {
            let column = batch.column_by_name(field.name()).ok_or_else(|| {
                DataFusionError::Plan(format!("{} has no {}", table.name, field.name()))
            })?;
            Ok(cast(column, field.data_type())?)
        });
        Ok(RecordBatch::try_new(Arc::clone(&schema), columns.collect::<Result<Vec<_>>>()?)?)
    };
    batches.iter().map(declared).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn portions_have_all_and_no_more_than_asked_for() {
        let events = [3, 9, 1, 1, 30, 2, 2, 2, 2];
        let all = events.iter().enumerate().map(|(n, events)| (format!("app-{n}"), *events));
        let all = Applications(all.collect());
        let portions = all.portions(3, 12);
        let sizes: Vec<Vec<i64>> =
            portions.iter().map(|portion| portion.0.values().copied().collect()).collect();
        assert_eq!(sizes, [vec![3, 9], vec![1, 1], vec![30], vec![2, 2, 2], vec![2]]);
        assert!(Applications::default().portions(3, 12).is_empty());
    }
}
