//! The views answer what a real History Server answers for the same log.
//!
//! Two sets of logs, each with the History Server's REST answers: `testdata/`, which is part of
//! the repository, and the corpus, which is looked for beside the checkout (`../shared/corpus`) or
//! where `STAGELIGHT_CORPUS` says. Every log becomes a lake of its own, since application ids
//! repeat; every column of the contract is compared, but for the few that REST does not have. What
//! differs must be explained by a rule of [`RULES`].
//!
//! `cargo test -p stagelight --test conformance -- --nocapture` shows the report.

#![expect(clippy::print_stdout, reason = "the report is what a reader of this test wants")]

#[path = "conformance/rest.rs"]
mod rest;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::rest::{Row, VIEWS, View, comparable};

/// Why a column may differ from the History Server's answer, and where.
struct Rule {
    name: &'static str,
    reason: &'static str,
    explains: fn(&Difference<'_>) -> bool,
}

const RULES: [Rule; 7] = [
    Rule {
        name: "application without an end",
        reason: "REST says 0; we say for how long we have heard of it",
        explains: |d| d.is("applications", "duration_ms") && !d.application.finished,
    },
    Rule {
        name: "task without an end",
        reason: "REST counts until it has read the log; we until the last event",
        explains: |d| d.is("tasks", "duration_ms") && d.theirs["status"] == "RUNNING",
    },
    Rule {
        name: "metrics of a task without an end",
        reason: "REST has what heartbeats have told of it, where they are logged; we have none",
        explains: |d| {
            d.view == "tasks"
                && d.theirs["status"] == "RUNNING"
                && d.ours.get(d.column).is_none_or(Value::is_null)
        },
    },
    Rule {
        name: "quantiles among tasks without an end",
        reason: "they stand among the others by their durations until then",
        explains: |d| d.is("task_quantiles", "duration_ms") && d.is_of_running_stage(),
    },
    Rule {
        name: "largest value of a SQL metric",
        reason: "of several tasks that have it, REST names one of whichever stage its hash set \
                 meets first; we of the first stage",
        explains: |d| {
            d.is("sql_metrics", "value_text")
                && without_task(&d.ours["value_text"]) == without_task(&d.theirs["value_text"])
        },
    },
    Rule {
        name: "SQL execution without an end",
        reason: "REST counts until it is asked; we until the last event",
        explains: |d| d.is("sql_executions", "duration_ms") && d.theirs["status"] == "RUNNING",
    },
    Rule {
        name: "driver without an end",
        reason: "REST counts until it is asked; we until the last event",
        explains: |d| {
            d.is("executors", "total_duration_ms") && d.is_of_driver() && !d.application.finished
        },
    },
];

/// A column of a row that is not what REST says.
struct Difference<'a> {
    view: &'static str,
    column: &'a str,
    ours: &'a Row,
    /// The row as REST has it, under our names.
    theirs: &'a Row,
    application: &'a Application,
}

/// What of the application the rules ask.
struct Application {
    /// Whether it has ended.
    finished: bool,
    /// Stages and attempts of which tasks have not ended.
    running_stages: HashSet<(Value, Value)>,
}

impl Application {
    fn of(oracle: &Value) -> Self {
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let attempts = list(&oracle["application"]["attempts"]);
        let running = list(&oracle["stages"]).into_iter().filter(|s| s["numActiveTasks"] != 0);
        Self {
            finished: attempts.iter().all(|attempt| attempt["completed"] == true),
            running_stages: running
                .map(|stage| (stage["stageId"].clone(), stage["attemptId"].clone()))
                .collect(),
        }
    }
}

impl Difference<'_> {
    fn is(&self, view: &str, column: &str) -> bool {
        self.view == view && self.column == column
    }

    fn is_of_running_stage(&self) -> bool {
        let stage = (self.theirs["stage_id"].clone(), self.theirs["stage_attempt_id"].clone());
        self.application.running_stages.contains(&stage)
    }

    fn is_of_driver(&self) -> bool {
        self.theirs["executor_id"] == "driver"
    }
}

/// A log and the file with the History Server's answers.
struct Case {
    name: String,
    log: PathBuf,
    oracle: PathBuf,
}

/// Compared and equal fields by view, and what differs.
#[derive(Default)]
struct Report {
    logs: usize,
    fields: BTreeMap<&'static str, (u64, u64)>,
    explained: BTreeMap<&'static str, u64>,
    /// By log and column: how many, and the first.
    unexplained: BTreeMap<String, (u64, String)>,
}

#[test]
fn testdata_is_answered_as_the_history_server_does() {
    let folder = workspace().join("testdata");
    conform("testdata", &cases(&folder.join("expected/index.json"), &folder, &folder));
}

#[test]
fn corpus_is_answered_as_the_history_server_does() {
    let corpus = std::env::var_os("STAGELIGHT_CORPUS")
        .map_or_else(|| workspace().join("../shared/corpus"), PathBuf::from);
    if !corpus.join("index.json").is_file() {
        println!("no corpus in {}: nothing to compare with", corpus.display());
        return;
    }
    let unpacked = tempfile::tempdir().expect("a folder to unpack in");
    for file in fs::read_dir(&corpus).expect("a readable corpus").flatten() {
        if file.path().file_name().and_then(OsStr::to_str).is_some_and(|n| n.contains(".tar")) {
            let tar = Command::new("tar")
                .args([OsStr::new("-xf"), file.path().as_os_str(), OsStr::new("-C")])
                .arg(unpacked.path())
                .status()
                .expect("tar starts");
            assert!(tar.success(), "tar cannot unpack {}", file.path().display());
        }
    }
    conform("corpus", &cases(&corpus.join("index.json"), unpacked.path(), &corpus));
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The logs of an index for which the History Server had an answer.
fn cases(index: &Path, logs: &Path, oracles: &Path) -> Vec<Case> {
    let index: Value =
        serde_json::from_reader(File::open(index).expect("an index")).expect("the index is JSON");
    let entries = index.as_array().expect("the index is a list");
    entries
        .iter()
        .filter_map(|entry| {
            let log = entry["log"].as_str()?;
            Some(Case {
                name: log.to_owned(),
                // Packed logs are unpacked, others stand beside the index.
                log: [logs, oracles]
                    .map(|folder| folder.join(log))
                    .into_iter()
                    .find(|p| p.exists())?,
                oracle: oracles.join(entry["oracle"].as_str()?),
            })
        })
        .collect()
}

/// Compares every case and asserts what this test is for.
fn conform(set: &str, cases: &[Case]) {
    let mut report = Report::default();
    for case in cases {
        let oracle = read_oracle(&case.oracle);
        let (views, theirs): (Vec<_>, Vec<_>) =
            VIEWS.iter().filter_map(|view| Some((view, view.answer(&oracle)?))).unzip();
        let application = Application::of(&oracle);
        let ours = answers(case, &views);
        for ((view, ours), theirs) in views.into_iter().zip(ours).zip(theirs) {
            report.compare(&case.name, view, ours, theirs, &application);
        }
        println!("{set}: {}", case.name);
        report.logs += 1;
    }
    report.print(set);
    report.check();
}

fn read_oracle(file: &Path) -> Value {
    let file = File::open(file).expect("the oracle is there");
    let json = zstd::Decoder::new(file).expect("the oracle is zstd");
    serde_json::from_reader(json).expect("the oracle is JSON")
}

/// Ingests the log into a new lake and asks for every row of the views.
fn answers(case: &Case, views: &[&View]) -> Vec<Vec<Row>> {
    let lake = tempfile::tempdir().expect("a folder for a lake");
    let ingest = stagelight(lake.path(), [OsStr::new("ingest"), case.log.as_os_str()]);
    // A cut or broken line goes to quarantine; the History Server drops it.
    assert!(
        matches!(ingest.status.code(), Some(0 | 3)),
        "{}: ingest fails: {}",
        case.name,
        String::from_utf8_lossy(&ingest.stderr)
    );
    let queries: Vec<_> = views
        .iter()
        .map(|view| format!("SELECT * FROM {} WHERE {}", view.name, view.filter))
        .collect();
    let queries = queries.join("; ");
    let sql = stagelight(lake.path(), ["sql", "--format", "json", &queries].map(OsStr::new));
    assert!(
        sql.status.success(),
        "{}: sql fails: {}",
        case.name,
        String::from_utf8_lossy(&sql.stderr)
    );
    let answers: Result<Vec<Vec<Row>>, _> =
        serde_json::Deserializer::from_slice(&sql.stdout).into_iter().collect();
    answers.expect("answers are arrays of objects")
}

fn stagelight<'a>(lake: &Path, arguments: impl IntoIterator<Item = &'a OsStr>) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stagelight"))
        .arg("--lake")
        .arg(lake)
        .args(arguments)
        // No settings of whoever runs the test.
        .env("XDG_CONFIG_HOME", lake)
        .output()
        .expect("stagelight starts")
}

impl Report {
    fn compare(
        &mut self,
        log: &str,
        view: &View,
        ours: Vec<Row>,
        theirs: Vec<Row>,
        application: &Application,
    ) {
        let columns = view.columns();
        let (ours, theirs) = (by_key(view, ours), by_key(view, theirs));
        for key in ours.keys().chain(theirs.keys()).collect::<BTreeSet<_>>() {
            let (ours, theirs) = (ours.get(key), theirs.get(key));
            for column in &columns {
                let our_value = ours.map(|row| comparable(column, row.get(*column)));
                let their_value = theirs.map(|row| row[*column].clone());
                let (fields, equal) = self.fields.entry(view.name).or_default();
                *fields += 1;
                if our_value == their_value {
                    *equal += 1;
                    continue;
                }
                let difference = ours.zip(theirs).map(|(ours, theirs)| Difference {
                    view: view.name,
                    column,
                    ours,
                    theirs,
                    application,
                });
                match difference.and_then(|d| RULES.iter().find(|rule| (rule.explains)(&d))) {
                    Some(rule) => *self.explained.entry(rule.name).or_default() += 1,
                    None => {
                        let first = format!(
                            "{key}: {} instead of {}",
                            shown(our_value),
                            shown(their_value)
                        );
                        let place = format!("{log}: {}.{column}", view.name);
                        self.unexplained.entry(place).or_insert((0, first)).0 += 1;
                    }
                }
            }
        }
    }

    fn print(&self, set: &str) {
        println!("\n{set}: {} logs", self.logs);
        println!("{:<16}{:>12}{:>12}{:>10}", "view", "compared", "equal", "differ");
        for (view, (fields, equal)) in &self.fields {
            println!("{view:<16}{fields:>12}{equal:>12}{:>10}", fields - equal);
        }
        for rule in &RULES {
            let count = self.explained.get(rule.name).unwrap_or(&0);
            println!("{count:>8} {}: {}", rule.name, rule.reason);
        }
        let unexplained: u64 = self.unexplained.values().map(|(count, _)| count).sum();
        println!("{unexplained:>8} unexplained");
        for (place, (count, first)) in self.unexplained.iter().take(40) {
            println!("{count:>8} {place} of {first}");
        }
    }

    fn check(&self) {
        let (fields, equal) =
            self.fields.values().fold((0, 0), |(fields, equal), (f, e)| (fields + f, equal + e));
        assert!(fields > 0, "nothing was compared");
        assert!(
            equal * 10_000 >= fields * 9_995,
            "{equal} of {fields} fields equal: below 99.95 %"
        );
        assert!(self.unexplained.is_empty(), "what differs must be explained by a rule");
    }
}

fn by_key(view: &View, rows: Vec<Row>) -> BTreeMap<String, Row> {
    let count = rows.len();
    let keyed: BTreeMap<_, _> = rows
        .into_iter()
        .map(|row| {
            let key: Vec<_> = view.key.iter().map(|column| row[*column].to_string()).collect();
            (key.join(" "), row)
        })
        .collect();
    assert_eq!(keyed.len(), count, "{} has a row twice", view.name);
    keyed
}

/// The text of a metric without the task that it names: `total (min, med, max (stageId: taskId))`,
/// a line break, `8 ms (1 ms, 2 ms, 5 ms (stage 3.0: task 14))`.
fn without_task(text: &Value) -> Option<(&str, &str)> {
    let (values, task) = text.as_str()?.rsplit_once("(stage ")?;
    let (_, rest) = task.split_once(')')?;
    Some((values, rest))
}

fn shown(value: Option<Value>) -> String {
    value.map_or("no row".to_owned(), |value| value.to_string().chars().take(200).collect())
}
