//! Every row once, whatever happens to the run that reads it.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::stagelight::{Stagelight, log, root, tables};

/// All rows of a table in one order, but for the columns that say when they were read.
fn contents(stagelight: &Stagelight, table: &str) -> Vec<String> {
    let mut rows: Vec<_> = stagelight
        .rows(&format!("SELECT * FROM lake.{table}"))
        .into_iter()
        .map(|mut row| {
            row.remove("ingested_at");
            row.remove("seen_at");
            serde_json::to_string(&row).expect("a row is JSON")
        })
        .collect();
    rows.sort();
    rows
}

pub(crate) fn same(one: &Stagelight, other: &Stagelight) {
    let differences = differences(one, other);
    assert!(differences.is_empty(), "{differences:?}");
}

/// The tables whose rows differ, and how many rows they have.
pub(crate) fn differences(one: &Stagelight, other: &Stagelight) -> Vec<String> {
    let compare = |table| {
        let (one, other) = (contents(one, table), contents(other, table));
        (one != other).then(|| format!("{table}: {} rows and {} rows", one.len(), other.len()))
    };
    tables().filter_map(compare).collect()
}

#[test]
fn again_adds_nothing() {
    let logs = root().join("testdata/logs");
    let once = Stagelight::with(&[&logs]);
    let twice = Stagelight::with(&[&logs]);
    let run = twice.ingest(&[&logs]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.contains("events       0\n"), "{}", run.stdout);
    same(&once, &twice);
    assert!(once.value("SELECT count(*) FROM lake.task_ends").as_i64() > Some(500));
}

#[test]
fn one_by_one_is_as_all_at_once() {
    let names = ["orders-aqe-40", "rolled-40", "retry-40"];
    let all: Vec<_> = names.iter().map(|name| log(name)).collect();
    let once = Stagelight::with(&all.iter().map(AsRef::as_ref).collect::<Vec<&Path>>());
    let one_by_one = Stagelight::new();
    for path in all.iter().rev() {
        assert_eq!(one_by_one.ingest(&[path]).code, 0);
    }
    same(&once, &one_by_one);
}

#[test]
fn a_lake_may_be_begun_by_many() {
    let names = ["orders-aqe-40", "rolled-40", "retry-40", "spill-40"];
    let all: Vec<_> = names.iter().map(|name| log(name)).collect();
    let once = Stagelight::with(&all.iter().map(AsRef::as_ref).collect::<Vec<&Path>>());
    let together = Stagelight::new();
    let start = |path| {
        let mut command = together.command(&["ingest"]);
        command.arg(path).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()
    };
    let runs: Vec<_> = all.iter().map(|path| start(path).expect("the binary starts")).collect();
    for run in runs {
        let output = run.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    same(&once, &together);
}

#[test]
fn segments_of_a_log_may_come_in_any_order() {
    let folder = log("rolled-40").join("eventlog_v2_local-1795371780452");
    let once = Stagelight::with(&[&folder]);
    let apart = Stagelight::new();
    for index in [3, 1, 2] {
        let segment = folder.join(format!("events_{index}_local-1795371780452.zstd"));
        assert_eq!(apart.ingest(&[&segment]).code, 0);
    }
    same(&once, &apart);
}

/// Kills a run with SIGKILL at a later moment each time, until one comes through.
#[test]
fn a_killed_run_goes_on_where_it_stopped() {
    let logs = root().join("testdata/logs");
    let quiet = Stagelight::with(&[&logs]);
    let killed = Stagelight::new();
    let mut kills = 0;
    for round in 1.. {
        let mut run = killed
            .command(&["ingest", "--threads", "1"])
            .arg(&logs)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        let until = Instant::now() + Duration::from_millis(20 * round);
        let ended = loop {
            if let Some(status) = run.try_wait().expect("a child can be waited for") {
                break Some(status);
            }
            if Instant::now() >= until {
                break None;
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        if ended.is_some() {
            break;
        }
        run.kill().expect("a child can be killed");
        run.wait().expect("a child can be waited for");
        kills += 1;
    }
    assert!(kills > 2, "the run was too fast to be killed: {kills} kills");
    same(&quiet, &killed);
}

#[test]
fn a_lake_that_lacks_a_table_is_not_added_to() {
    let stagelight = Stagelight::with(&[&log("failure-40")]);
    fs::rename(stagelight.lake().join("task_ends"), stagelight.folder().join("away"))
        .expect("moved");
    let run = stagelight.ingest(&[&log("spill-40")]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("table task_ends is gone from the lake"), "{}", run.stderr);
    fs::rename(stagelight.folder().join("away"), stagelight.lake().join("task_ends"))
        .expect("moved");
    assert_eq!(stagelight.ingest(&[&log("spill-40")]).code, 0);
}
