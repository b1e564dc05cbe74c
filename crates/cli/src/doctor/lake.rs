//! What `doctor` says of the lake itself, and of Spark by what is in it.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use stagelight_ingest::{Check, Verdict, check_folder};
use stagelight_lake::{Lake, LakeError, MayPass, TableFiles};
use stagelight_query::{Engine, QueryError};
use stagelight_tables::Table;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use super::{Section, rights};
use crate::args::{Doctor, Global, Role};
use crate::explain;
use crate::terminal::count;

/// `serve` computes the totals of so many applications by itself without anybody minding.
const NOT_ROLLED_UP: usize = 1_000;
/// Somebody waits for the answer: a lake is opened within so long, or is out of reach.
const PATIENCE: Duration = Duration::from_secs(15);
/// All its files are listed and opened within so long, or not all of them are looked at.
const LISTING: Duration = Duration::from_secs(60);
/// What fails may have been bad luck, and is tried once more after that.
const A_MOMENT: Duration = Duration::from_secs(1);

const LAKE: &str = include_str!("../../../../sql/doctor/lake.sql");
const SPARK_SETTINGS: &str = include_str!("../../../../sql/doctor/spark_settings.sql");

const RESTORE: &str = "something else than `stagelight` deletes or writes there: restore all that was deleted, or ingest \
                       the logs into a new lake";

pub(super) fn title(global: &Global) -> String {
    format!("Lake {}", global.lake)
}

/// What the lake itself says, and what is in it says of Spark.
pub(super) async fn look_at(global: &Global, command: &Doctor) -> Result<Vec<Section>> {
    let only = |checks| Ok(vec![(title(global), checks)]);
    let lake = match timeout(PATIENCE, twice(|| Lake::open(&global.lake))).await {
        Ok(Ok(lake)) => Arc::new(lake),
        Ok(Err(error @ LakeError::Missing { .. })) => {
            return only(vec![missing(&error, command.role)]);
        }
        Ok(Err(error)) => return only(vec![refused(&error)]),
        Err(_) => {
            let found = format!("it does not answer within {} s", PATIENCE.as_secs());
            let advice = "look at AWS_REGION, AWS_ENDPOINT_URL, and whether the network lets this machine through";
            return only(vec![Check::new(Verdict::Wrong, found, advice)]);
        }
    };
    let rights = rights(command.role);
    let opened = async {
        match lake.root().to_file_path() {
            Ok(folder) => within(LISTING, move || check_folder(&folder, rights)).await,
            Err(()) => Vec::new(),
        }
    };
    let (mut checks, inspected) = tokio::join!(opened, timeout(LISTING, lake.inspect()));
    let (is_whole, files) = match inspected {
        Ok(tables) => (tables.iter().all(|(_, files)| files.is_ok()), judge(tables)),
        Err(_) => (true, vec![unlisted()]),
    };
    checks.extend(files);
    if !is_whole {
        checks.push(Check::unseen("what is in it is not asked while a table cannot be read"));
        return only(checks);
    }
    let settings = command.engine.settings();
    let engine = match twice(|| Engine::new(Arc::clone(&lake), &settings)).await {
        Ok(engine) => engine,
        Err(error @ (QueryError::Lake(_) | QueryError::DataFusion(_))) => {
            checks.push(unanswered(&error.to_string()));
            return only(checks);
        }
        // What was asked for is wrong.
        Err(error) => return Err(error.into()),
    };
    let (answers, spark) = ask(&engine).await;
    checks.extend(answers);
    let mut sections = vec![(title(global), checks)];
    if !spark.is_empty() {
        sections.push(("Spark, by what its logs say".to_owned(), spark));
    }
    Ok(sections)
}

/// Calls `work` once more where it may go better in a moment.
async fn twice<T, E, F>(mut work: impl FnMut() -> F) -> Result<T, E>
where
    E: MayPass,
    F: Future<Output = Result<T, E>>,
{
    match work().await {
        Err(error) if error.may_pass() => {
            sleep(A_MOMENT).await;
            work().await
        }
        result => result,
    }
}

/// What `look` says of a folder, unless it waits for the disk for longer than `limit`. It is left to itself then.
async fn within(limit: Duration, look: impl FnOnce() -> Vec<Check> + Send + 'static) -> Vec<Check> {
    match timeout(limit, spawn_blocking(look)).await {
        Ok(Ok(checks)) => checks,
        Ok(Err(error)) => resume_unwind(error.into_panic()),
        Err(_) => vec![unopened(limit)],
    }
}

fn missing(error: &LakeError, role: Role) -> Check {
    // Who only reads it, or keeps it, ends without one.
    let (verdict, advice) = match role {
        Role::Worker => (Verdict::Better, "the first worker makes one, too"),
        _ => (Verdict::Wrong, "is --lake what the workers have? The first of them makes it"),
    };
    Check::new(verdict, error.to_string(), advice)
}

/// Why a lake, or one of its tables, cannot be looked at.
fn refused(error: &LakeError) -> Check {
    let said = error.to_string();
    let advice = match error {
        LakeError::TableGone { table, .. } => return gone(&[table]),
        LakeError::Format { .. } => "or use the version of stagelight that has made it",
        LakeError::Address { .. } => "look for a mistake in --lake, and at credentials and rights",
        // delta-rs does not say it in another way.
        error if error.may_pass() && !said.contains("Permission denied") => {
            "if it stays: restore what was deleted from the table's folder _delta_log, or ingest the logs into a \
             new lake"
        }
        _ => "whoever runs this needs to read all of the lake",
    };
    Check::new(Verdict::Wrong, said, advice)
}

fn gone(tables: &[&str]) -> Check {
    let found = format!("gone from the lake, and all rows with it: table {}", tables.join(", "));
    Check::new(Verdict::Wrong, found, RESTORE)
}

/// What there is to say of the files of each table.
fn judge(tables: Vec<(&Table, Result<TableFiles, LakeError>)>) -> Vec<Check> {
    let (mut checks, mut without, mut listed) = (Vec::new(), Vec::new(), 0);
    for (table, files) in tables {
        let files = match files {
            Ok(files) => files,
            Err(LakeError::TableGone { table, .. }) => {
                without.push(table);
                continue;
            }
            Err(error) => {
                checks.push(refused(&error));
                continue;
            }
        };
        listed += files.listed;
        for (paths, fault) in [
            (&files.missing, "missing"),
            (&files.damaged, "of another size than they were written with"),
        ] {
            if let Some(path) = paths.first() {
                let found = format!(
                    "files of table {} that are {fault}: {} of {}, such as {path}",
                    table.name,
                    count(paths.len() as u64),
                    count(files.listed as u64)
                );
                checks.push(Check::new(Verdict::Wrong, found, RESTORE));
            }
        }
    }
    if !without.is_empty() {
        checks.push(gone(&without));
    }
    if checks.is_empty() {
        let listed = count(listed as u64);
        checks.push(Check::good(format!("all that its tables list is there; files: {listed}")));
    }
    checks
}

fn unlisted() -> Check {
    Check::new(
        Verdict::Unknown,
        format!(
            "whether all files are there: they cannot be listed within {} s",
            LISTING.as_secs()
        ),
        "run `stagelight maintain` every hour, which merges small ones",
    )
}

fn unopened(limit: Duration) -> Check {
    Check::new(
        Verdict::Unknown,
        format!(
            "whether all files may be read: they cannot be opened within {} s",
            limit.as_secs()
        ),
        "look at the disk, where it is slow; run `stagelight maintain` every hour, which merges small files",
    )
}

/// What questions say of the lake, and of Spark.
async fn ask(engine: &Engine) -> (Vec<Check>, Vec<Check>) {
    let mut failures = Vec::new();
    let mut told = |answer: Result<Vec<Check>>| {
        answer.unwrap_or_else(|error| {
            failures.push(unanswered(&explain(&error)));
            Vec::new()
        })
    };
    let mut checks = told(asked(engine, LAKE).await);
    let rolled_up = engine.to_roll_up().await;
    checks.extend(told(rolled_up.map(|outdated| vec![to_roll_up(outdated)]).map_err(Into::into)));
    let spark = told(asked(engine, SPARK_SETTINGS).await);
    // What stands in the way of one question does so with others.
    checks.extend(failures.into_iter().next());
    (checks, spark)
}

fn to_roll_up(outdated: usize) -> Check {
    let found = format!("applications that are not rolled up yet: {}", count(outdated as u64));
    if outdated <= NOT_ROLLED_UP {
        return Check::good(found);
    }
    let advice = "run `stagelight maintain` every hour: metrics come sooner then, and questions read fewer files";
    Check::new(Verdict::Better, found, advice)
}

fn unanswered(error: &str) -> Check {
    let advice = "if a file is damaged or not found: restore all that was deleted or changed, or ingest the logs into \
                  a new lake";
    Check::new(Verdict::Wrong, format!("the lake cannot be asked: {error}"), advice)
}

/// The rows of a question as checks.
async fn asked(engine: &Engine, question: &str) -> Result<Vec<Check>> {
    let mut checks = Vec::new();
    for batch in engine.sql(question).await?.batches {
        let column = |at: usize| cast(batch.column(at), &DataType::Utf8);
        let (verdicts, found, advice) = (column(0)?, column(1)?, column(2)?);
        let [verdicts, found, advice] =
            [&verdicts, &found, &advice].map(|column| column.as_string::<i32>());
        for row in 0..batch.num_rows() {
            let verdict = match verdicts.value(row) {
                "good" => Verdict::Good,
                "better" => Verdict::Better,
                _ => Verdict::Wrong,
            };
            let advice = advice.is_valid(row).then(|| advice.value(row).to_owned());
            checks.push(Check { verdict, found: found.value(row).to_owned(), advice });
        }
    }
    Ok(checks)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[tokio::test]
    async fn a_slow_disk_is_not_waited_for() {
        let (disk, answer) = channel::<()>();
        let slow = move || {
            // Not before the disk is gone.
            assert!(answer.recv().is_err());
            vec![Check::good("late")]
        };
        let checks = within(Duration::from_millis(10), slow).await;
        assert_eq!(checks, [unopened(Duration::from_millis(10))]);
        assert!(checks[0].verdict == Verdict::Unknown && checks[0].advice.is_some());
        drop(disk);

        let soon = within(LISTING, || vec![Check::good("soon")]).await;
        assert_eq!(soon, [Check::good("soon")]);
    }
}
