//! Maintenance changes no row, whatever comes before, after and meanwhile.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use fastrand::Rng;
use serde_json::Value;

use crate::exactly_once::{differences, same};
use crate::stagelight::{Stagelight, files, lines, log, root, seed};

/// Merges whatever can be merged.
fn maintain(stagelight: &Stagelight) -> Vec<Value> {
    let run =
        stagelight.run(&["maintain", "--settled", "0s", "--min-files", "2", "--summary", "json"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let summary: Value = serde_json::from_str(&run.stdout).expect("one object");
    summary["tables"].as_array().expect("an array").clone()
}

fn merged(tables: &[Value]) -> u64 {
    tables.iter().filter_map(|table| table["files_merged"].as_u64()).sum()
}

fn write(path: &Path, lines: &[String]) {
    fs::create_dir_all(path.parent().expect("it is in a folder")).expect("a folder");
    fs::write(path, lines.concat()).expect("a file");
}

#[test]
fn merged_files_have_the_rows_of_those_before() {
    let logs = root().join("testdata/logs");
    let quiet = Stagelight::with(&[&logs]);
    let maintained = Stagelight::new();
    for folder in fs::read_dir(&logs).expect("a folder") {
        let run = maintained.ingest(&[&folder.expect("an entry").path()]);
        assert!(matches!(run.code, 0 | 3), "{}", run.stderr);
    }
    let tables = maintain(&maintained);
    assert!(merged(&tables) > 100, "{tables:?}");
    assert_eq!(merged(&maintain(&maintained)), 0, "it is done");
    let run = maintained.ingest(&[&logs]);
    assert!(run.stdout.contains("events       0\n"), "{}", run.stdout);
    same(&quiet, &maintained);
}

#[test]
fn a_dry_run_tells_what_would_be_done_and_does_nothing() {
    let stagelight = Stagelight::with(&[&root().join("testdata/logs")]);
    let number = || files(&stagelight.lake()).len();
    let before = number();
    let args = ["maintain", "--settled", "0s", "--min-files", "2"];
    let run = stagelight.run(&[&args[..], &["--dry-run"]].concat());
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.starts_with("What would be done:\n"), "{}", run.stdout);
    assert!(run.stdout.contains("task_ends"), "{}", run.stdout);
    assert_eq!(number(), before);
    assert_eq!(stagelight.run(&args).code, 0);
    assert!(number() > before);
    let idle = stagelight.run(&args).stdout;
    assert!(idle.starts_with("There is nothing to do in the lake: "), "{idle}");
}

#[test]
fn wrong_input_is_refused() {
    let stagelight = Stagelight::new();
    let run = stagelight.run(&["maintain"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("there is no lake at"), "{}", run.stderr);
    let run = stagelight.run(&["maintain", "--vacuum-after", "59m"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("an hour at least"), "{}", run.stderr);
}

/// A file that grew after its rows were merged with those of others.
#[test]
fn a_later_version_of_a_merged_segment_takes_its_place() {
    let logs = tempfile::tempdir().expect("a folder");
    let rolled =
        lines("rolled-40/eventlog_v2_local-1795371780452/events_1_local-1795371780452.zstd");
    let growing = logs.path().join("local-1.inprogress");
    write(&growing, &rolled[..30]);
    write(&logs.path().join("local-2"), &rolled[..40]);
    let stagelight = Stagelight::with(&[logs.path()]);
    assert!(merged(&maintain(&stagelight)) > 0);

    write(&growing, &rolled[..60]);
    assert_eq!(stagelight.ingest(&[logs.path()]).code, 0);
    let quiet = Stagelight::with(&[logs.path()]);
    same(&quiet, &stagelight);
    // Now the earlier version's rows are left out for good.
    assert!(merged(&maintain(&stagelight)) > 0);
    same(&quiet, &stagelight);
    assert_eq!(merged(&maintain(&stagelight)), 0, "it is done");
}

/// Logs that grow, are copied and are cut, and a lake that is maintained between.
#[test]
fn rows_are_the_same_whenever_files_are_merged() {
    let seed = seed();
    let mut random = Rng::with_seed(seed);
    let logs = tempfile::tempdir().expect("a folder");
    let events =
        lines("rolled-40/eventlog_v2_local-1795371780452/events_1_local-1795371780452.zstd");
    let paths: Vec<PathBuf> = ["a/local-1.inprogress", "a/local-1", "b/local-1", "b/local-2"]
        .map(|path| logs.path().join(path))
        .into();
    let stagelight = Stagelight::new();
    for step in 0..14 {
        let path = &paths[random.usize(..paths.len())];
        write(path, &events[..random.usize(5..80)]);
        let run = stagelight.ingest(&[logs.path()]);
        assert_eq!(run.code, 0, "seed {seed}, step {step}: {}", run.stderr);
        if random.bool() {
            maintain(&stagelight);
        }
    }
    let differences = differences(&Stagelight::with(&[logs.path()]), &stagelight);
    assert!(differences.is_empty(), "seed {seed}: {differences:?}");
}

#[test]
fn files_that_no_table_has_are_deleted_when_they_are_old() {
    let stagelight = Stagelight::with(&[&log("rolled-40")]);
    let before = files(&stagelight.lake());
    let left = |name: &str, age: Duration| {
        let path = stagelight.lake().join("task_ends").join(name);
        let file = fs::File::create(&path).expect("a file");
        file.set_modified(SystemTime::now() - age).expect("a file has a time");
        path
    };
    let old = left("part-old.parquet", Duration::from_secs(2 * 3600));
    let young = left("part-young.parquet", Duration::from_secs(60));
    let args = ["maintain", "--settled", "1d", "--vacuum-after", "1h"];
    let run = stagelight.run(&[&args[..], &["--dry-run"]].concat());
    assert!(run.stdout.contains("task_ends"), "{}", run.stdout);
    assert!(old.exists());
    assert_eq!(stagelight.run(&args).code, 0);
    assert!(!old.exists() && young.exists());
    assert!(before.iter().all(|path| path.exists()));
}

#[test]
fn files_whose_entry_a_table_has_lost_are_kept() {
    let stagelight = Stagelight::with(&[&log("rolled-40")]);
    let table = stagelight.lake().join("task_ends");
    let data: Vec<_> = files(&table)
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "parquet"))
        .collect();
    assert!(!data.is_empty());
    for path in &data {
        let file = fs::File::options().append(true).open(path).expect("a file");
        let long_ago = SystemTime::now() - Duration::from_secs(3 * 3600);
        file.set_modified(long_ago).expect("a file has a time");
    }
    fs::remove_file(table.join("_delta_log/00000000000000000001.json")).expect("it is deleted");
    let run = stagelight.run(&["maintain", "--settled", "1d", "--vacuum-after", "1h"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let told = format!("table task_ends does not know {} files", data.len());
    assert!(run.stderr.contains(&told), "{}", run.stderr);
    assert!(data.iter().all(|path| path.exists()));
}

#[test]
fn logs_are_deleted_that_are_old_and_in_the_lake() {
    let folder = tempfile::tempdir().expect("a folder");
    let copy = |name: &str| {
        for path in files(&log(name)) {
            let below = path.strip_prefix(root().join("testdata/logs")).expect("it is below");
            let to = folder.path().join(below);
            fs::create_dir_all(to.parent().expect("it is in a folder")).expect("a folder");
            fs::copy(&path, &to).expect("a copy");
        }
    };
    ["rolled-40", "inventory-single-35", "inprogress-35"].iter().for_each(|name| copy(name));
    // Its bad line is nowhere else.
    let mut damaged =
        lines("spill-40/eventlog_v2_local-1795371572494/events_1_local-1795371572494.zstd");
    damaged[3] = "{\"Event\": nothing}\n".to_owned();
    write(&folder.path().join("damaged-1"), &damaged);
    let stagelight = Stagelight::with(&[folder.path()]);
    copy("retry-40");
    let logs = folder.path().display().to_string();
    let number = || files(folder.path()).len();
    let before = number();
    let clean = |more: &[&str]| {
        let run = stagelight.run(&[&["maintain", "--clean-logs", &logs], more].concat());
        assert_eq!(run.code, 0, "{}", run.stderr);
        run
    };
    clean(&["--clean-after", "1d"]);
    assert_eq!(number(), before, "they are young");
    let run = clean(&["--clean-after", "0s", "--dry-run"]);
    assert!(run.stdout.contains("2 of 5 logs would be deleted"), "{}", run.stdout);
    assert_eq!(number(), before);

    let run = clean(&["--clean-after", "0s"]);
    assert!(run.stdout.contains("2 of 5 logs were deleted"), "{}", run.stdout);
    assert!(run.stderr.contains("retry-40"), "it is not in the lake: {}", run.stderr);
    let left: Vec<_> = files(folder.path());
    let is_of = |name: &str| left.iter().any(|path| path.starts_with(folder.path().join(name)));
    assert!(is_of("retry-40") && is_of("inprogress-35") && is_of("damaged-1"), "{left:?}");
    assert!(!is_of("rolled-40") && !is_of("inventory-single-35"), "{left:?}");
    let apps = stagelight.value("SELECT count(*) FROM applications");
    assert_eq!(apps, 4, "what was read stays");

    let run = stagelight.run(&["maintain", "--clean-logs", &logs]);
    assert_eq!(run.code, 2, "{}", run.stderr);
    let run = stagelight.run(&["maintain", "--clean-after", "1d"]);
    assert_eq!(run.code, 2, "{}", run.stderr);
}
