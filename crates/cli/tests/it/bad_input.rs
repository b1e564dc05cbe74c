//! Bad input: counted, kept with its place, and never in the way of the rest.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::stagelight::{Run, Stagelight, log};

const START: &str = r#"{"Event":"SparkListenerApplicationStart","App Name":"a","App ID":"local-1","Timestamp":1000,"User":"u"}"#;
const JOB_END: &str = r#"{"Event":"SparkListenerJobEnd","Job ID":7,"Completion Time":2000,"Job Result":{"Result":"JobSucceeded"}}"#;

fn ingest_file(name: &str, bytes: impl AsRef<[u8]>) -> (Stagelight, Run) {
    let stagelight = Stagelight::new();
    let file = stagelight.folder().join(name);
    fs::write(&file, bytes).expect("a file");
    let run = stagelight.ingest(&[&file]);
    (stagelight, run)
}

fn reasons(stagelight: &Stagelight) -> Vec<(String, Option<i64>)> {
    stagelight
        .rows("SELECT reason, line FROM quarantine ORDER BY line NULLS FIRST, reason")
        .into_iter()
        .map(|row| (row["reason"].as_str().unwrap_or_default().to_owned(), row["line"].as_i64()))
        .collect()
}

#[test]
fn bad_lines_do_not_take_good_ones_with_them() {
    let text = format!(
        "{START}\nnot json at all\n{{\"Event\":\"SparkListenerJobEnd\",\"Completion Time\":1}}\n\
         {{\"Job ID\":1}}\n[1,2]\n\
         {{\"Event\":\"SparkListenerJobEnd\",\"Job ID\":\"seven\"}}\n{JOB_END}\n"
    );
    let (stagelight, run) = ingest_file("local-1", text);
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert!(run.stdout.contains("quarantined  5"), "{}", run.stdout);
    assert_eq!(
        reasons(&stagelight),
        [
            ("not_json".to_owned(), Some(2)),
            ("missing_field".to_owned(), Some(3)),
            ("no_event".to_owned(), Some(4)),
            ("not_json".to_owned(), Some(5)),
            ("wrong_type".to_owned(), Some(6)),
        ]
    );
    assert_eq!(stagelight.value("SELECT job_id FROM lake.job_events"), json!(7));
    let bad = stagelight.rows("SELECT * FROM quarantine WHERE line = 3");
    assert_eq!(bad[0]["detail"], "no value for job_id of job_events");
    assert_eq!(bad[0]["byte_offset"], START.len() + "\nnot json at all\n".len());
    assert_eq!(bad[0]["segment_path"], "local-1");
    assert_eq!(bad[0]["app_id"], "local-1");
    let raw = "SELECT raw FROM lake.quarantine WHERE line = 2";
    assert_eq!(stagelight.value(raw), json!("not json at all"));
}

#[test]
fn a_bad_line_is_kept_as_it_was() {
    let line = r#"{"Event":"SparkListenerJobEnd","Text":"a\n\"b\"\u0041","Job ID":"x"}"#;
    let (stagelight, run) = ingest_file("local-1", format!("{START}\n{line}\n"));
    assert_eq!(run.code, 3);
    assert_eq!(stagelight.value("SELECT raw FROM lake.quarantine"), json!(line));
}

#[test]
fn a_log_may_begin_with_many_bad_events() {
    let bad = r#"{"Event":"SparkListenerJobEnd","Job ID":"x"}"#;
    let (stagelight, run) =
        ingest_file("local-1", format!("{}{JOB_END}\n", format!("{bad}\n").repeat(150)));
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert_eq!(stagelight.value("SELECT count(*) FROM quarantine"), json!(150));
    assert_eq!(stagelight.value("SELECT job_id FROM lake.job_events"), json!(7));
}

#[test]
fn a_bad_item_does_not_take_the_others_with_it() {
    let job = r#"{"Event":"SparkListenerJobStart","Job ID":1,"Submission Time":1,"Stage IDs":[0,1,2],"Stage Infos":[{"Stage ID":0,"Stage Attempt ID":0},{"Stage ID":"one"},{"Stage ID":2,"Stage Attempt ID":0}]}"#;
    let (stagelight, run) = ingest_file("local-1", format!("{START}\n{job}\n"));
    assert_eq!(run.code, 3, "{}", run.stderr);
    let stages = stagelight.rows("SELECT stage_id FROM lake.stage_events ORDER BY stage_id");
    assert_eq!(
        stages.iter().map(|row| row["stage_id"].as_i64()).collect::<Vec<_>>(),
        [Some(0), Some(2)]
    );
    assert_eq!(reasons(&stagelight), [("wrong_type".to_owned(), Some(2))]);
}

#[test]
fn what_another_file_has_as_well_is_read_once() {
    let stagelight = Stagelight::new();
    let logs = stagelight.folder().join("logs");
    let rolling = logs.join("eventlog_v2_local-1");
    fs::create_dir_all(&rolling).expect("a folder");
    let text = format!("{START}\n{JOB_END}\n");
    for file in ["events_1_local-1", "events_1_local-1.compact"] {
        fs::write(rolling.join(file), &text).expect("a file");
    }
    fs::write(logs.join("local-2"), text.replace("local-1", "local-2")).expect("a file");
    fs::write(logs.join("local-2.inprogress"), text.replace("local-1", "local-2")).expect("a file");
    std::os::unix::fs::symlink(&rolling, logs.join("latest")).expect("a link");
    let run = stagelight.ingest(&[&logs]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let ends =
        "SELECT app_id, count(*) AS ends FROM lake.job_events GROUP BY app_id ORDER BY app_id";
    let rows = stagelight.rows(ends);
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row["ends"] == 1), "{rows:?}");
}

#[test]
fn a_cut_last_line_is_told_apart() {
    let (stagelight, run) =
        ingest_file("local-1", format!("{START}\n{JOB_END}\n{}", &JOB_END[..40]));
    assert_eq!(run.code, 3);
    assert_eq!(reasons(&stagelight), [("truncated_line".to_owned(), Some(3))]);
    assert_eq!(stagelight.value("SELECT count(*) FROM lake.job_events"), json!(1));
}

#[test]
fn a_whole_last_line_needs_no_newline() {
    let (stagelight, run) = ingest_file("local-1", format!("{START}\n{JOB_END}"));
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(stagelight.value("SELECT count(*) FROM lake.job_events"), json!(1));
}

#[test]
fn a_cut_frame_gives_what_came_before_it() {
    let whole = Stagelight::with(&[&log("orders-aqe-40")]);
    let stagelight = Stagelight::new();
    let name = "events_1_local-1795371510374.zstd";
    let bytes = fs::read(log("orders-aqe-40").join("eventlog_v2_local-1795371510374").join(name))
        .expect("a log of testdata");
    let folder = stagelight.folder().join("eventlog_v2_local-1795371510374");
    fs::create_dir(&folder).expect("a folder");
    fs::write(folder.join(name), &bytes[..bytes.len() - 50]).expect("a file");
    let run = stagelight.ingest(&[&folder]);
    assert_eq!(run.code, 3);
    assert!(reasons(&stagelight).iter().any(|(reason, _)| reason == "truncated_stream"));
    let events = "SELECT sum(events) FROM sources";
    let (cut, all) = (stagelight.value(events).as_i64(), whole.value(events).as_i64());
    assert!(cut > Some(100) && cut < all, "{cut:?} of {all:?}");
}

#[test]
fn what_is_no_log_is_one_row() {
    for (name, bytes, reason) in [
        ("empty", &b""[..], "empty_file"),
        ("notes.txt", b"not a log\nat all\n", "not_an_event_log"),
        ("local-1.zstd", b"this is no zstd", "not_an_event_log"),
        ("binary", &[0, 159, 146, 150, 10, 255, 254][..], "not_an_event_log"),
    ] {
        let (stagelight, run) = ingest_file(name, bytes);
        assert_eq!(run.code, 3, "{name}: {}", run.stderr);
        let reasons = reasons(&stagelight);
        assert_eq!(reasons.len(), 1, "{name}: {reasons:?}");
        assert!(
            reasons[0].0 == reason || (name == "local-1.zstd" && reasons[0].0 == "damaged"),
            "{name}: {reasons:?}"
        );
        let run = stagelight.ingest(&[&stagelight.folder().join(name)]);
        assert_eq!(run.code, 0, "{name} again: nothing new");
        assert_eq!(self::reasons(&stagelight).len(), 1, "{name} again");
    }
}

#[test]
fn a_place_without_logs_is_told() {
    let stagelight = Stagelight::new();
    let rolling = stagelight.folder().join("eventlog_v2_local-1");
    let plain = stagelight.folder().join("plain");
    fs::create_dir(&rolling).expect("a folder");
    fs::create_dir(&plain).expect("a folder");
    fs::write(rolling.join("appstatus_local-1.inprogress"), "").expect("a file");
    let gone = stagelight.folder().join("gone");
    let run = stagelight.ingest(&[&rolling, &plain, &gone]);
    assert_eq!(run.code, 3, "{}", run.stderr);
    for told in ["eventlog_v2_local-1: no_segments", "plain: no_segments", "gone: unreadable"] {
        assert!(run.stderr.contains(told), "{told} in {}", run.stderr);
    }
    assert_eq!(reasons(&stagelight).len(), 3);
    let good = log("billing-plain-35");
    assert_eq!(stagelight.ingest(&[&gone, &good]).code, 3);
    assert_eq!(stagelight.value("SELECT count(*) FROM applications"), json!(1));
}

#[test]
fn a_mistaken_path_makes_no_lake() {
    let stagelight = Stagelight::new();
    let run = stagelight.run(&["ingest", "/nowhere/logs", "file:///nowhere/others"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("/nowhere/logs is not there"), "{}", run.stderr);
    assert!(!stagelight.lake().exists());
}

#[test]
fn it_is_told_where_a_line_is_no_json() {
    for (line, detail) in [
        ("nothing of the kind\n", "not JSON: expected ident at byte 2"),
        (r#"{"Event":"SparkListenerJobEnd","Job I"#, "the last line is cut: not JSON: EOF while"),
        ("[]\n", "not a JSON object"),
    ] {
        let (stagelight, run) = ingest_file("local-1", format!("{START}\n{line}"));
        assert_eq!(run.code, 3, "{line}: {}", run.stderr);
        let details = stagelight.rows("SELECT detail FROM quarantine");
        assert_eq!(details.len(), 1, "{line}");
        let told = details[0]["detail"].as_str().expect("a text");
        assert!(told.starts_with(detail), "{told}");
    }
}

#[test]
fn an_unknown_event_is_kept_as_json() {
    let event = r#"{"Event":"com.example.MyEvent","weight":[1,{"a":null}],"text":"x\"y"}"#;
    let (stagelight, run) = ingest_file("local-1", format!("{START}\n{event}\n"));
    assert_eq!(run.code, 0, "{}", run.stderr);
    let rows = stagelight.rows("SELECT event, json FROM lake.other_events");
    assert_eq!(rows[0]["event"], "MyEvent");
    assert_eq!(rows[0]["json"], event);
}

#[test]
fn a_line_over_the_limit_is_passed_over() {
    let long =
        format!(r#"{{"Event":"SparkListenerJobEnd","Job ID":1,"x":"{}"}}"#, "y".repeat(5000));
    let stagelight = Stagelight::new();
    let file = stagelight.folder().join("local-1");
    fs::write(&file, format!("{START}\n{long}\n{JOB_END}\n")).expect("a file");
    let path = file.to_str().expect("a name in UTF-8");
    let run = stagelight.run(&["ingest", "--max-line-bytes", "1000", path]);
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert_eq!(reasons(&stagelight), [("line_too_long".to_owned(), Some(2))]);
    assert_eq!(stagelight.value("SELECT job_id FROM lake.job_events"), json!(7));
}

#[test]
fn a_lake_that_cannot_be_is_an_error() {
    let stagelight = Stagelight::new();
    let run = stagelight.run(&["sql", "SELECT 1"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("`stagelight ingest` makes one"), "{}", run.stderr);
    let file = stagelight.folder().join("file");
    fs::write(&file, "").expect("a file");
    let lake = file.join("lake");
    let logs = log("billing-plain-35");
    let args = ["--lake", text(&lake), "ingest", text(&logs)];
    let run = stagelight.command(&[]).args(&args[2..]).env("STAGELIGHT_LAKE", "").output();
    assert!(run.expect("the binary starts").status.success(), "a flag beats the environment");
    let run = stagelight.run(&["ingest", "--lake", text(&lake), text(&logs)]);
    assert_ne!(run.code, 0, "{}", run.stdout);
}

#[test]
fn an_address_that_is_no_file_is_an_error_that_says_so_once() {
    let stagelight = Stagelight::new();
    let run = stagelight.run(&["ingest", "gs://bucket/logs"]);
    assert_eq!(run.code, 1, "{}", run.stdout);
    assert!(run.stderr.contains("gs://bucket/logs cannot be read"), "{}", run.stderr);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let stagelight = Stagelight::with(&[&log("billing-plain-35")]);
    let run = stagelight.run(&["serve", "--listen", &address]);
    assert_eq!(run.code, 1);
    assert_eq!(run.stderr.matches("in use").count(), 1, "{}", run.stderr);
}

#[test]
fn wrong_usage_is_code_2() {
    let stagelight = Stagelight::new();
    for args in [&["ingest"][..], &["nonsense"], &["sql", "--format", "xml", "SELECT 1"]] {
        assert_eq!(stagelight.run(args).code, 2, "{args:?}");
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a name in UTF-8")
}
