//! The same events in several files, or in one that grows: each counts once.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::stagelight::{Stagelight, log, tables};

const PLAIN: &str = "eventlog_v2_local-1795371532772";
const ROLLED: &str = "eventlog_v2_local-1795371780452";

/// Rows of every table, as far as they count.
fn counts(stagelight: &Stagelight) -> Vec<(&'static str, Value)> {
    let facts = tables().filter(|table| !matches!(*table, "sources" | "quarantine"));
    facts
        .map(|table| (table, stagelight.value(&format!("SELECT count(*) FROM lake.{table}"))))
        .collect()
}

/// The state of each segment, in the order of their addresses.
fn states(stagelight: &Stagelight) -> Vec<String> {
    let rows = stagelight.rows("SELECT state FROM sources ORDER BY uri");
    rows.iter().map(|row| row["state"].as_str().unwrap_or_default().to_owned()).collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for file in fs::read_dir(from).expect("a folder").flatten() {
        fs::copy(file.path(), to.join(file.file_name())).expect("a copy");
    }
}

/// The one file of events of a log that is not compressed.
fn plain_bytes() -> Vec<u8> {
    fs::read(log("billing-plain-35").join(PLAIN).join("events_1_local-1795371532772"))
        .expect("a log of testdata")
}

#[test]
fn a_file_that_grows_takes_its_own_place() {
    let whole = Stagelight::with(&[&log("billing-plain-35")]);
    let grown = Stagelight::new();
    let folder = grown.folder().join(PLAIN);
    fs::create_dir(&folder).expect("a folder");
    let file = folder.join("events_1_local-1795371532772");
    let bytes = plain_bytes();
    let mut seen = 0;
    for part in 1..=6 {
        fs::write(&file, &bytes[..bytes.len() * part / 6]).expect("a file");
        let run = grown.ingest(&[&folder]);
        assert!(matches!(run.code, 0 | 3), "{}", run.stderr);
        let events = "SELECT sum(events) FROM sources";
        let events = grown.value(events).as_i64().unwrap_or(0);
        assert!(events >= seen, "{events} after {seen}");
        seen = events;
        assert_eq!(states(&grown), ["counted"], "after part {part}");
    }
    assert_eq!(counts(&grown), counts(&whole));
    let cut = "SELECT count(*) FROM quarantine";
    assert_eq!(grown.value(cut), json!(0), "a line is whole once the rest of it has come");
}

/// Other engines see the files that the Delta log has.
#[test]
fn what_was_replaced_is_no_part_of_the_table_any_more() {
    let stagelight = Stagelight::new();
    let file = stagelight.folder().join("local-1795371532772");
    let bytes = plain_bytes();
    for len in [bytes.len() / 2, bytes.len()] {
        fs::write(&file, &bytes[..len]).expect("a file");
        stagelight.ingest(&[&file]);
    }
    for table in tables() {
        let added = delta_files(&stagelight.lake().join(table));
        let versions: std::collections::BTreeSet<_> =
            added.iter().map(|name| name.split('-').nth(2).map(str::to_owned)).collect();
        assert!(versions.len() <= 1, "{table} has two versions of one file: {added:?}");
    }
}

/// The files of a Delta table by its log of JSON commits.
fn delta_files(table: &Path) -> Vec<String> {
    let mut commits: Vec<PathBuf> = fs::read_dir(table.join("_delta_log"))
        .expect("a Delta log")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .collect();
    commits.sort();
    let mut files = Vec::new();
    for commit in commits {
        for line in fs::read_to_string(commit).expect("a commit").lines() {
            let action: Value = serde_json::from_str(line).expect("an action");
            let path = |action: &Value| action["path"].as_str().map(str::to_owned);
            files.extend(path(&action["add"]));
            if let Some(removed) = path(&action["remove"]) {
                files.retain(|file| *file != removed);
            }
        }
    }
    files
}

#[test]
fn a_copy_in_another_place_counts_once() {
    let once = Stagelight::with(&[&log("rolled-40")]);
    let twice = Stagelight::new();
    let copied = twice.folder().join("copy").join(ROLLED);
    copy(&log("rolled-40").join(ROLLED), &copied);
    twice.ingest(&[&copied]);
    twice.ingest(&[&log("rolled-40")]);
    assert_eq!(counts(&twice), counts(&once));
    let mut states = states(&twice);
    states.sort();
    assert_eq!(states, ["counted", "counted", "counted", "repeated", "repeated", "repeated"]);
}

#[test]
fn a_file_that_gets_its_finished_name_counts_once() {
    let whole = Stagelight::with(&[&log("billing-plain-35")]);
    let stagelight = Stagelight::new();
    let [unfinished, finished] = ["local-1795371532772.inprogress", "local-1795371532772"]
        .map(|name| stagelight.folder().join(name));
    let bytes = plain_bytes();
    fs::write(&unfinished, &bytes[..bytes.len() / 2]).expect("a file");
    stagelight.ingest(&[&unfinished]);
    fs::write(&unfinished, &bytes).expect("a file");
    fs::rename(&unfinished, &finished).expect("another name");
    stagelight.ingest(&[&finished]);
    assert_eq!(counts(&stagelight), counts(&whole));
    assert_eq!(states(&stagelight), ["counted", "repeated"]);
}

#[test]
fn a_compacted_file_counts_only_where_its_originals_are_not() {
    let whole = Stagelight::with(&[&log("rolled-40")]);
    let stagelight = Stagelight::new();
    let folder = stagelight.folder().join(ROLLED);
    fs::create_dir(&folder).expect("a folder");
    let original = |n: usize| {
        log("rolled-40").join(ROLLED).join(format!("events_{n}_local-1795371780452.zstd"))
    };
    // What compaction leaves is some of the lines of what it compacts: here, those of the first.
    let compacted = folder.join("events_2_local-1795371780452.zstd.compact");
    fs::copy(original(1), &compacted).expect("a copy");
    fs::copy(original(3), folder.join("events_3_local-1795371780452.zstd")).expect("a copy");
    stagelight.ingest(&[&folder]);
    assert_eq!(states(&stagelight), ["counted", "counted"]);
    let totals = "SELECT totals FROM completeness";
    assert_eq!(stagelight.value(totals), json!("at_least"));
    let tasks = "SELECT count(*) FROM tasks";
    let before = stagelight.value(tasks).as_i64();
    for n in [2, 1] {
        fs::copy(original(n), folder.join(format!("events_{n}_local-1795371780452.zstd")))
            .expect("a copy");
        stagelight.ingest(&[&folder]);
        assert!(stagelight.value(tasks).as_i64() >= before);
    }
    assert_eq!(states(&stagelight), ["counted", "counted", "compacted", "counted"]);
    assert_eq!(counts(&stagelight), counts(&whole));
    assert_eq!(stagelight.value(totals), json!("exact"));
}

#[test]
fn completeness_tells_what_is_missing() {
    let stagelight = Stagelight::new();
    let folder = log("rolled-40").join(ROLLED);
    let file = |n: usize| folder.join(format!("events_{n}_local-1795371780452.zstd"));
    stagelight.ingest(&[&file(3)]);
    let row = |stagelight: &Stagelight| stagelight.rows("SELECT * FROM completeness").remove(0);
    let first = row(&stagelight);
    assert_eq!(first["segments_present"], json!([3]));
    assert_eq!(first["segments_missing"], json!([1, 2]));
    assert_eq!((&first["has_start"], &first["has_end"]), (&json!(false), &json!(true)));
    assert_eq!(first["totals"], "at_least");
    assert_eq!(first["totals_reason"], "its start was not seen; segments missing: 2");
    stagelight.ingest(&[&file(1)]);
    assert_eq!(row(&stagelight)["segments_missing"], json!([2]));
    stagelight.ingest(&[&file(2)]);
    let last = row(&stagelight);
    assert_eq!(last["segments_missing"], json!([]));
    assert_eq!((&last["totals"], &last["totals_reason"]), (&json!("exact"), &json!("")));
}

#[test]
fn an_application_without_an_end_is_lost_after_a_while() {
    let stagelight = Stagelight::with(&[&log("killed-40")]);
    let status = "SELECT status FROM applications";
    assert_eq!(stagelight.value(status), json!("lost"));
    let run = stagelight.run(&["sql", "--threshold", "lost_after=100y", "--format", "csv", status]);
    assert_eq!(run.stdout, "status\nrunning\n", "{}", run.stderr);
    let run = stagelight.run(&["sql", "--threshold", "lost=1", status]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("there is no threshold `lost`"), "{}", run.stderr);
    assert!(
        run.stderr.contains("SELECT name, value, unit, meaning FROM thresholds"),
        "{}",
        run.stderr
    );
    for (wrong, said) in [
        ("lost_aftre=36h", "did you mean `lost_after`?"),
        ("skew_ratio=36h", "threshold `skew_ratio` is no duration: its unit is ratio"),
    ] {
        let run = stagelight.run(&["sql", "--threshold", wrong, status]);
        assert!(run.code == 1 && run.stderr.contains(said), "{}", run.stderr);
    }
    let so_far = "SELECT totals, segments_truncated FROM completeness";
    let args = ["sql", "--threshold", "lost_after=100y", "--format", "ndjson", so_far];
    assert_eq!(
        stagelight.run(&args).stdout,
        "{\"totals\":\"so_far\",\"segments_truncated\":[1]}\n"
    );
}

#[test]
fn a_later_attempt_tells_that_the_one_before_was_lost() {
    let stagelight = Stagelight::new();
    let start = |attempt: &str| {
        format!(
            r#"{{"Event":"SparkListenerApplicationStart","App Name":"a","App ID":"application_1_2","Timestamp":1000,"User":"u","App Attempt ID":"{attempt}"}}"#
        )
    };
    for attempt in ["9", "10"] {
        let name = format!("application_1_2_{attempt}");
        fs::write(stagelight.folder().join(name), start(attempt) + "\n").expect("a file");
    }
    for attempt in ["9", "10"] {
        let file = stagelight.folder().join(format!("application_1_2_{attempt}"));
        assert_eq!(stagelight.ingest(&[&file]).code, 0);
    }
    let query = "SELECT attempt_id, status FROM applications ORDER BY status";
    let run = stagelight.run(&["sql", "--threshold", "lost_after=100y", "--format", "csv", query]);
    assert_eq!(run.stdout, "attempt_id,status\n9,lost\n10,running\n", "{}", run.stderr);
}
