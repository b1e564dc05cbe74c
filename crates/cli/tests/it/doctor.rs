//! `stagelight doctor` over a lake in a folder, sound and with what people do to it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::stagelight::{Run, Stagelight, files, log};

/// A doctor is done sooner, whatever does not answer.
const SOON: Duration = Duration::from_secs(30);

/// What a run has said, of each verdict but `good`: what was found.
fn said(run: &Run) -> Vec<(String, String)> {
    assert_eq!(run.stderr, "");
    let checks: Vec<Value> = serde_json::from_str(&run.stdout).expect("an array of checks");
    let text = |check: &Value, name: &str| check[name].as_str().unwrap_or_default().to_owned();
    for check in &checks {
        let is_bad = check["verdict"] == "wrong" || check["verdict"] == "better";
        assert!(!is_bad || check["advice"].is_string(), "{check}");
    }
    let not_good = checks.iter().filter(|check| check["verdict"] != "good");
    not_good.map(|check| (text(check, "verdict"), text(check, "found"))).collect()
}

fn doctor(stagelight: &Stagelight, args: &[&str]) -> (i32, Vec<(String, String)>) {
    let since = Instant::now();
    let run = stagelight.run(&[&["doctor", "--summary", "json"], args].concat());
    assert!(since.elapsed() < SOON, "{:?}", since.elapsed());
    (run.code, said(&run))
}

/// What is wrong.
fn wrongs(said: &[(String, String)]) -> Vec<&str> {
    said.iter().filter(|(verdict, _)| verdict == "wrong").map(|(_, found)| found.as_str()).collect()
}

fn data_of(stagelight: &Stagelight, table: &str) -> Vec<PathBuf> {
    let of_table = files(&stagelight.lake().join(table)).into_iter();
    of_table.filter(|path| path.extension().is_some_and(|of| of == "parquet")).collect()
}

fn sound() -> Stagelight {
    Stagelight::with(&[&log("rolled-40"), &log("failure-40")])
}

#[test]
fn a_sound_lake_is_left_as_it_is() {
    let stagelight = sound();
    let before = files(&stagelight.lake());
    for role in ["worker", "serve", "maintain"] {
        let (code, said) = doctor(&stagelight, &["--role", role]);
        assert_eq!(code, 0);
        assert_eq!(wrongs(&said), [""; 0]);
        let of = |verdict: &str| said.iter().filter(|(is, _)| is == verdict).count();
        assert_eq!(of("unseen"), usize::from(role != "serve"), "{role} {said:?}");
    }
    assert_eq!(files(&stagelight.lake()), before);
}

#[test]
fn what_is_no_log_is_no_application() {
    let stagelight = Stagelight::new();
    let notes = stagelight.folder().join("notes");
    fs::write(&notes, "no log\n").expect("a file");
    assert_eq!(stagelight.ingest(&[&log("rolled-40"), &notes]).code, 3);
    let run = stagelight.run(&["doctor"]);
    for said in ["4 files of 1 application,", "1 line or file went", "not rolled up yet: 1\n"] {
        assert!(run.stdout.contains(said), "{said}: {}", run.stdout);
    }
}

#[test]
fn files_that_no_question_reads_are_missed_too() {
    let stagelight = sound();
    let gone = data_of(&stagelight, "task_accumulables");
    fs::remove_file(&gone[0]).expect("it is deleted");
    let cut = data_of(&stagelight, "stage_sums");
    fs::write(&cut[0], "").expect("it is cut");
    let (code, said) = doctor(&stagelight, &["--role", "serve"]);
    assert_eq!(code, 3);
    let name = |path: &Path| path.file_name().expect("a name").display().to_string();
    assert_eq!(
        wrongs(&said),
        [
            format!(
                "files of table task_accumulables that are missing: 1 of {}, such as task_accumulables/{}",
                gone.len(),
                name(&gone[0])
            ),
            format!(
                "files of table stage_sums that are of another size than they were written with: 1 of {}, \
                 such as stage_sums/{}",
                cut.len(),
                name(&cut[0])
            ),
        ]
    );
}

#[test]
fn a_file_that_questions_read_is_missed_once_by_all_of_them() {
    let stagelight = sound();
    for file in data_of(&stagelight, "application_events") {
        fs::remove_file(file).expect("it is deleted");
    }
    let (code, said) = doctor(&stagelight, &[]);
    assert_eq!(code, 3);
    let wrongs = wrongs(&said);
    assert_eq!(wrongs.len(), 2, "{wrongs:?}");
    assert!(wrongs[0].starts_with("files of table application_events that are missing: "));
    assert!(wrongs[1].starts_with("the lake cannot be asked: "), "{wrongs:?}");
}

#[test]
fn a_table_that_is_gone_is_told_at_once() {
    for (tables, role, found) in [
        (&["stage_events"][..], "serve", "table stage_events"),
        (&["task_ends", "environment_entries"], "worker", "table environment_entries, task_ends"),
        (&["sources"], "maintain", "table sources"),
    ] {
        let stagelight = sound();
        for table in tables {
            fs::remove_dir_all(stagelight.lake().join(table)).expect("it is deleted");
        }
        let (code, said) = doctor(&stagelight, &["--role", role]);
        assert_eq!(code, 3);
        let gone = format!("gone from the lake, and all rows with it: {found}");
        assert_eq!(wrongs(&said), [gone]);
        // Others are told so, too, and do not make it anew.
        for args in [&["sql", "SELECT 1"][..], &["ingest", "/dev/null"], &["maintain"]] {
            let run = stagelight.run(args);
            let is_told = run.stderr.contains("is gone from the lake");
            assert!(run.code == 1 && is_told, "{}", run.stderr);
            assert!(!run.stderr.contains("trying again"), "{}", run.stderr);
        }
        assert!(tables.iter().all(|table| !stagelight.lake().join(table).exists()));
    }
}

#[test]
fn there_may_be_no_lake_yet() {
    let stagelight = Stagelight::new();
    let (code, said) = doctor(&stagelight, &[]);
    assert!(code == 0 && said[0].0 == "better", "{said:?}");
    let (code, said) = doctor(&stagelight, &["--role", "serve"]);
    assert!(code == 3 && said[0].1.starts_with("there is no lake at "), "{said:?}");
}

#[test]
fn what_does_not_answer_is_not_waited_for() {
    let stagelight = Stagelight::new();
    // Nobody listens there.
    let url = "http://127.0.0.1:1";
    let queue = format!("{url}/1/events");
    let args = ["--lake", "s3://lake/a", "doctor", "--summary", "json"];
    let named = ["--queue-url", &queue, "--prefix", "s3://logs/"];
    let keys = [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")];
    for (credentials, reason) in
        [(&keys[..], "Connection refused"), (&[], "no credentials are where AWS' own tools look")]
    {
        let since = Instant::now();
        let mut command = elsewhere(&stagelight, url);
        command.envs(credentials.iter().copied()).args(args).args(named);
        let run = Run::from(command.output().expect("the binary starts"));
        assert!(since.elapsed() < SOON, "{:?}", since.elapsed());
        assert_eq!(run.code, 3);
        let said = said(&run);
        let wrongs = wrongs(&said);
        assert_eq!(wrongs.len(), 3, "queue, logs and lake: {wrongs:?}");
        assert!(wrongs.iter().all(|found| found.contains(reason)), "{wrongs:?}");
    }
}

/// Other commands look for credentials where doctor does.
#[test]
fn the_metadata_service_is_not_asked_where_it_is_disabled() {
    let stagelight = Stagelight::new();
    let mut command = elsewhere(&stagelight, "http://127.0.0.1:1");
    command.args(["--lake", "s3://lake/a", "sql", "SELECT 1"]);
    let run = Run::from(command.output().expect("the binary starts"));
    let said = "error: s3://lake/a cannot be a lake: no credentials are where AWS' own tools look for them";
    assert!(run.code == 1 && run.stderr.starts_with(said), "{}", run.stderr);
}

/// The binary without credentials, and with AWS at `url`.
fn elsewhere(stagelight: &Stagelight, url: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stagelight"));
    let ours = |name: &str| name.starts_with("STAGELIGHT_") || name.starts_with("AWS_");
    for (name, _) in std::env::vars().filter(|(name, _)| ours(name)) {
        command.env_remove(name);
    }
    command.env("XDG_CONFIG_HOME", stagelight.folder()).env_remove("RUST_LOG");
    command.env("HOME", stagelight.folder()).env("AWS_REGION", "us-east-1");
    command.env("AWS_ENDPOINT_URL", url).env("AWS_EC2_METADATA_DISABLED", "true");
    command
}
