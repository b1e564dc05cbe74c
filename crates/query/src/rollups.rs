//! The rollup of `sql/rollups/`: what each application adds up to, so that who asks about all of them
//! need not look at their events.
//!
//! `application_totals` is a table of the lake that `maintain` makes of the others, application by
//! application. A row says of which segments it was made: whoever reads it computes the rows of those
//! applications anew that have got others since, and so always has all of them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use datafusion::arrow::compute::{
    SortColumn, cast, concat_batches, filter_record_batch, lexsort_to_indices, take_record_batch,
};
use datafusion::arrow::datatypes::{DataType, Int64Type, TimestampMicrosecondType};
use datafusion::common::ParamValues;
use datafusion::error::{DataFusionError, Result};
use datafusion::scalar::ScalarValue;
use sha2::{Digest, Sha256};
use stagelight_tables::APPLICATION_TOTALS;

use crate::engine::{Engine, collect};
use crate::error::QueryError;
use crate::views::View;

const TOTALS: &str = include_str!("../../../sql/rollups/application_totals.sql");

/// So many applications are computed at once at most.
const AT_ONCE: usize = 1_000;
/// Of memory, what an event of them takes at most.
const BYTES_AN_EVENT: usize = 1_000;
/// So many are rolled up before the lake gets their rows, which are written with those of all others.
const A_ROUND: usize = 4_000;
/// So often, at most, somebody else may have rolled up meanwhile.
const ROUNDS_LOST: usize = 10;

/// Another one for other SQL, and for another version, whose functions may be others.
static DEFINITION: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    hash.update(env!("CARGO_PKG_VERSION"));
    let views = View::all();
    for sql in views.iter().map(|view| view.sql).chain([TOTALS]) {
        let code = sql.lines().filter(|line| !line.trim_start().starts_with("--"));
        code.for_each(|line| hash.update(line));
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
});

/// What rolling up has come to.
#[derive(Debug, Default)]
pub struct RolledUp {
    /// So many applications were rolled up.
    pub applications: usize,
    /// Ids of those that are too large for the memory of the engine: what the lake had of them stays.
    pub too_large: Vec<String>,
}

/// Rows that the lake does not have: of applications that have got more since they were rolled up.
#[derive(Debug, Default)]
pub struct LiveRollups {
    rows: Vec<RecordBatch>,
    /// Those that did not fit into memory, as they were then: they are not tried again.
    too_large: Applications,
}

impl LiveRollups {
    /// Ids of the applications that are too large for the memory of the engine: of them there is what
    /// was computed before they were, if anything.
    pub fn too_large(&self) -> impl ExactSizeIterator<Item = &str> {
        self.too_large.0.keys().map(String::as_str)
    }
}

impl Engine {
    /// How many applications have changed since they were rolled up last, or were by other SQL.
    ///
    /// # Errors
    ///
    /// As [`Engine::sql`].
    pub async fn to_roll_up(&self) -> Result<usize, QueryError> {
        let applications = self.applications().await?;
        Ok(applications.outdated(&self.kept().await?, Some(&DEFINITION))?.0.len())
    }

    /// Rolls them up. After every few thousand, `progress` is told how many are done, and how many there
    /// are in all.
    ///
    /// # Errors
    ///
    /// [`QueryError`]; what was rolled up until then stays.
    pub async fn roll_up(
        &self,
        mut progress: impl FnMut(usize, usize),
    ) -> Result<RolledUp, QueryError> {
        let (mut done, mut lost, mut all) = (HashSet::new(), 0, 0);
        let mut too_large = Applications::default();
        loop {
            self.refresh().await?;
            let applications = self.applications().await?;
            let kept = self.kept().await?;
            let mut outdated = applications.outdated(&kept, Some(&DEFINITION))?;
            // What grows meanwhile is for the next run.
            outdated.0.retain(|id, _| !done.contains(id) && !too_large.0.contains_key(id));
            all = all.max(done.len() + outdated.0.len());
            let Some(mut round) = outdated.portions(A_ROUND, i64::MAX).into_iter().next() else {
                let too_large = too_large.0.into_keys().collect();
                return Ok(RolledUp { applications: done.len(), too_large });
            };
            let totals = self.totals_of(&round).await?;
            round.0.retain(|id, _| !totals.too_large.0.contains_key(id));
            too_large.0.extend(totals.too_large.0);
            if round.0.is_empty() {
                continue;
            }
            let mut rows = without(&kept, &round)?;
            rows.extend(totals.rows);
            if self.overwrite(APPLICATION_TOTALS, &in_order(&rows)?).await? {
                done.extend(round.0.into_keys());
                progress(done.len(), all);
            } else {
                lost += 1;
                if lost > ROUNDS_LOST {
                    return Err(QueryError::Busy);
                }
            }
        }
    }

    /// What every application adds up to now. What `live` has from before is not computed again.
    pub(crate) async fn live_totals(
        &self,
        live: &mut LiveRollups,
    ) -> Result<Vec<RecordBatch>, QueryError> {
        let applications = self.applications().await?;
        let kept = self.kept().await?;
        let of_lake = progress(&kept);
        let changed = applications.outdated(&kept, None)?;
        let mut anew = changed.outdated(&live.rows, None)?;
        live.too_large.0.retain(|id, then| anew.0.get(id).is_some_and(|now| now.keys == then.keys));
        anew.0.retain(|id, _| !live.too_large.0.contains_key(id));
        let totals = self.totals_of(&anew).await?;
        anew.0.retain(|id, _| !totals.too_large.0.contains_key(id));
        live.too_large.0.extend(totals.too_large.0);
        // Of the call before, what the lake has by now is no longer needed.
        let mut rows = without(&only(&live.rows, &changed)?, &anew)?;
        // Of what is too large here, the lake may have more by now than was computed when it was not.
        let is_earlier = |id: &str, of: &Progress| {
            live.too_large.0.contains_key(id) && of_lake.get(id).is_some_and(|lake| lake >= of)
        };
        let earlier = progress(&rows).into_iter().filter(|(id, of)| is_earlier(id, of));
        let earlier: HashSet<String> = earlier.map(|(id, _)| id).collect();
        rows = filtered(&rows, |id| !earlier.contains(id))?;
        rows.extend(totals.rows);
        live.rows = rows;
        let mut all = without_those_of(&kept, &live.rows)?;
        all.extend(live.rows.iter().cloned());
        Ok(all)
    }

    /// The rows of the lake.
    async fn kept(&self) -> Result<Vec<RecordBatch>, QueryError> {
        let answer = self.sql("SELECT * FROM lake.application_totals").await?;
        Ok(as_declared(&answer.batches)?)
    }

    async fn applications(&self) -> Result<Applications, QueryError> {
        let sql = "SELECT app_id, attempt_id, segments_key, num_events FROM attempts";
        let mut all = BTreeMap::<String, Application>::new();
        for batch in self.sql(sql).await?.batches {
            let [ids, attempts] = [0, 1].map(|n| cast(batch.column(n), &DataType::Utf8));
            let (ids, attempts) = (ids.map_err(arrow)?, attempts.map_err(arrow)?);
            let (ids, attempts) = (ids.as_string::<i32>(), attempts.as_string::<i32>());
            let [keys, events] = [2, 3].map(|n| batch.column(n).as_primitive::<Int64Type>());
            for row in 0..batch.num_rows() {
                let of = all.entry(ids.value(row).to_owned()).or_default();
                of.keys.insert(attempts.value(row).to_owned(), keys.value(row));
                of.events += events.value(row);
            }
        }
        Ok(Applications(all))
    }

    /// The rows of some applications.
    async fn totals_of(&self, of: &Applications) -> Result<Totals, QueryError> {
        let events = i64::try_from(self.memory_bytes() / BYTES_AN_EVENT).unwrap_or(i64::MAX);
        let mut portions = of.portions(AT_ONCE, events);
        portions.reverse();
        let mut totals = Totals::default();
        while let Some(portion) = portions.pop() {
            let given = ParamValues::from(vec![
                ("app_ids", list(portion.0.keys())),
                ("definition", ScalarValue::from(DEFINITION.as_str())),
            ]);
            let question = self.plan(TOTALS).await?;
            match collect(question.with_param_values(given)?).await {
                Ok(answer) => totals.rows.extend(as_declared(&answer.batches)?),
                Err(error) if !error.is_over_limit() => return Err(error),
                // Of half as many, half as much.
                Err(_) if portion.0.len() > 1 => {
                    let half = portion.0.len().div_ceil(2);
                    portions.extend(portion.portions(half, i64::MAX).into_iter().rev());
                }
                Err(_) => totals.too_large.0.extend(portion.0),
            }
        }
        Ok(totals)
    }
}

/// Rows of applications, and those that have none.
#[derive(Default)]
struct Totals {
    rows: Vec<RecordBatch>,
    too_large: Applications,
}

/// Applications by id.
#[derive(Clone, Debug, Default)]
struct Applications(BTreeMap<String, Application>);

/// What the lake has of an application.
#[derive(Clone, Debug, Default)]
struct Application {
    /// By attempt: which segments it has.
    keys: BTreeMap<String, i64>,
    events: i64,
}

impl Applications {
    /// Those of which `rows` do not say what the lake has, or not by `definition`.
    fn outdated(&self, rows: &[RecordBatch], definition: Option<&str>) -> Result<Self> {
        let mut current: HashMap<&str, usize> = HashMap::new();
        for batch in rows {
            let [ids, attempts, definitions] =
                ["app_id", "attempt_id", "definition"].map(|name| texts(batch, name));
            let keys = column(batch, "segments_key").as_primitive::<Int64Type>();
            for row in 0..batch.num_rows() {
                let id = ids.value(row);
                let key = self.0.get(id).and_then(|of| of.keys.get(attempts.value(row)));
                let is_defined = definition.is_none_or(|of| definitions.value(row) == of);
                if key == Some(&keys.value(row)) && is_defined {
                    *current.entry(id).or_default() += 1;
                }
            }
        }
        let is_outdated =
            |(id, of): &(&String, &Application)| current.get(id.as_str()) != Some(&of.keys.len());
        let outdated = self.0.iter().filter(is_outdated);
        Ok(Self(outdated.map(|(id, of)| (id.clone(), of.clone())).collect()))
    }

    /// Portions of so many applications and events at most, but for one that has more alone.
    fn portions(&self, applications: usize, events: i64) -> Vec<Self> {
        let mut portions: Vec<Self> = Vec::new();
        let mut left = 0;
        for (id, of) in &self.0 {
            let last = portions.last_mut();
            match last.filter(|last| last.0.len() < applications && of.events <= left) {
                Some(last) => {
                    last.0.insert(id.clone(), of.clone());
                }
                None => {
                    portions.push(Self(BTreeMap::from([(id.clone(), of.clone())])));
                    left = events;
                }
            }
            left = left.saturating_sub(of.events);
        }
        portions
    }
}

/// How far an application had come: when its last event happened, and how many tasks had ended.
type Progress = (Option<i64>, i64);

/// How far the applications had come of which `rows` are.
fn progress(rows: &[RecordBatch]) -> HashMap<String, Progress> {
    const ENDED: [&str; 3] = ["num_succeeded_tasks", "num_failed_tasks", "num_killed_tasks"];
    let mut all: HashMap<String, Progress> = HashMap::new();
    for batch in rows {
        let ids = texts(batch, "app_id");
        let times = column(batch, "last_event_time").as_primitive::<TimestampMicrosecondType>();
        let ended = ENDED.map(|name| column(batch, name).as_primitive::<Int64Type>());
        for row in 0..batch.num_rows() {
            let time = times.is_valid(row).then(|| times.value(row));
            let of = all.entry(ids.value(row).to_owned()).or_default();
            of.0 = of.0.max(time);
            of.1 += ended.iter().map(|ended| ended.value(row)).sum::<i64>();
        }
    }
    all
}

/// Application ids as a list.
pub(crate) fn list<'a>(ids: impl Iterator<Item = &'a String>) -> ScalarValue {
    let ids: Vec<_> = ids.map(|id| ScalarValue::Utf8View(Some(id.clone()))).collect();
    ScalarValue::List(ScalarValue::new_list(&ids, &DataType::Utf8View, true))
}

/// The rows of some applications.
fn only(rows: &[RecordBatch], of: &Applications) -> Result<Vec<RecordBatch>> {
    filtered(rows, |id| of.0.contains_key(id))
}

/// The rows of all others.
fn without(rows: &[RecordBatch], of: &Applications) -> Result<Vec<RecordBatch>> {
    filtered(rows, |id| !of.0.contains_key(id))
}

/// The rows of applications of which `others` have none.
fn without_those_of(rows: &[RecordBatch], others: &[RecordBatch]) -> Result<Vec<RecordBatch>> {
    let ids = |batch| texts(batch, "app_id").iter().flatten();
    let theirs: HashSet<&str> = others.iter().flat_map(ids).collect();
    filtered(rows, |id| !theirs.contains(id))
}

fn filtered(rows: &[RecordBatch], is_kept: impl Fn(&str) -> bool) -> Result<Vec<RecordBatch>> {
    let mut kept = Vec::new();
    for batch in rows {
        let is_kept = texts(batch, "app_id").iter().map(|id| id.map(&is_kept));
        let batch = filter_record_batch(batch, &is_kept.collect::<BooleanArray>())?;
        kept.extend(Some(batch).filter(|batch| batch.num_rows() > 0));
    }
    Ok(kept)
}

/// The rows in the order of application and attempt.
fn in_order(rows: &[RecordBatch]) -> Result<Vec<RecordBatch>> {
    let all = concat_batches(&APPLICATION_TOTALS.schema(), rows)?;
    let by = |name| SortColumn { values: Arc::clone(&all[name]), options: None };
    let order = lexsort_to_indices(&[by("app_id"), by("attempt_id")], None)?;
    Ok(vec![take_record_batch(&all, &order)?])
}

/// The rows as the lake has them: a question's types are others.
fn as_declared(batches: &[RecordBatch]) -> Result<Vec<RecordBatch>> {
    let schema = APPLICATION_TOTALS.schema();
    let declared = |batch: &RecordBatch| {
        let columns = schema.fields().iter().map(|field| {
            let column = batch.column_by_name(field.name()).ok_or_else(|| {
                DataFusionError::Plan(format!("the rollup has no {}", field.name()))
            })?;
            Ok(cast(column, field.data_type())?)
        });
        Ok(RecordBatch::try_new(Arc::clone(&schema), columns.collect::<Result<Vec<_>>>()?)?)
    };
    batches.iter().map(declared).collect()
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> &'a dyn Array {
    batch.column_by_name(name).expect("rows of the rollup have its columns")
}

fn texts<'a>(batch: &'a RecordBatch, name: &str) -> &'a datafusion::arrow::array::StringArray {
    column(batch, name).as_string()
}

fn arrow(error: datafusion::arrow::error::ArrowError) -> QueryError {
    DataFusionError::from(error).into()
}

#[cfg(test)]
mod tests;
