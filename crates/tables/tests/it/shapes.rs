//! Learned shapes give what the parser gives, of every log and of what logs may become.

use std::fs::{self, File};
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;
use stagelight_eventlog::{LogName, open};

use crate::checks::shapes::{Counts, check};

fn segments(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of logs").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(segments(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Reads every log below a folder both ways.
fn logs(folder: &Path) -> Counts {
    let mut sum = Counts::default();
    for path in segments(folder) {
        let name =
            |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let around = path.parent().map(name).unwrap_or_default();
        let LogName::Segment { codec, .. } = LogName::parse(&around, &name(&path)) else {
            continue;
        };
        let file = File::open(&path).expect("a segment");
        let Ok(input) = open(codec, file) else { continue };
        let counts = check(input);
        let Counts { lines, matched } = counts;
        writeln!(stdout(), "{}: {matched} of {lines} lines matched", path.display())
            .expect("a place to write to");
        sum.lines += counts.lines;
        sum.matched += counts.matched;
    }
    sum
}

#[test]
fn every_log_gives_the_same_rows() {
    let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/logs");
    let sum = logs(&testdata);
    assert!(sum.lines > 1_000, "testdata has logs");
    assert!(sum.matched * 10 > sum.lines * 6, "most lines have a shape that was learned: {sum:?}");
    if let Some(folder) = std::env::var_os("STAGELIGHT_LOGS") {
        logs(Path::new(&folder));
    }
}

#[test]
fn what_fuzzing_kept_gives_the_same_rows() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/shapes");
    let inputs = segments(&corpus);
    assert!(!inputs.is_empty(), "{} is empty", corpus.display());
    for path in inputs {
        check(File::open(&path).expect("an input"));
    }
}

/// Ends and starts of tasks of a real log.
static TASKS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let log = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../testdata/logs/billing-plain-35/eventlog_v2_local-1795371532772/",
        "events_1_local-1795371532772"
    );
    let text = fs::read(log).expect("a log of testdata");
    let tasks = text
        .split(|b| *b == b'\n')
        .filter(|line| line.starts_with(br#"{"Event":"SparkListenerTask"#));
    tasks.map(<[u8]>::to_vec).collect()
});

/// A small change somewhere in a line.
#[derive(Clone, Debug)]
enum Change {
    Put(Index, String),
    Cut(Index, usize),
    Double(Index, usize),
    Move(Index, usize, Index),
}

fn change() -> impl Strategy<Value = Change> {
    let token = prop_oneof![
        Just("0".to_owned()),
        "[0-9]{1,20}",
        "-?[0-9]{0,3}",
        r#"["\\{}\[\],:. eE+-]"#,
        Just("\\u0041".to_owned()),
        Just("null".to_owned()),
        Just("é".to_owned()),
        Just("\u{1}".to_owned()),
        Just(r#""ID":7,"#.to_owned()),
        Just(r#""Task ID":7,"#.to_owned()),
        Just(r#","Update":"x""#.to_owned()),
    ];
    prop_oneof![
        (any::<Index>(), token).prop_map(|(at, text)| Change::Put(at, text)),
        (any::<Index>(), 1_usize..200).prop_map(|(at, len)| Change::Cut(at, len)),
        (any::<Index>(), 1_usize..200).prop_map(|(at, len)| Change::Double(at, len)),
        (any::<Index>(), 1_usize..200, any::<Index>()).prop_map(|(a, n, b)| Change::Move(a, n, b)),
    ]
}

fn apply(line: &mut Vec<u8>, change: &Change) {
    if line.is_empty() {
        return;
    }
    let span = |line: &[u8], at: &Index, len: usize| {
        let start = at.index(line.len());
        start..line.len().min(start + len)
    };
    match change {
        Change::Put(at, text) => {
            let at = at.index(line.len());
            line.splice(at..at, text.bytes());
        }
        Change::Cut(at, len) => {
            line.drain(span(line, at, *len));
        }
        Change::Double(at, len) => {
            let span = span(line, at, *len);
            let copy = line[span.clone()].to_vec();
            line.splice(span.start..span.start, copy);
        }
        Change::Move(from, len, to) => {
            let moved: Vec<u8> = line.drain(span(line, from, *len)).collect();
            let to = to.index(line.len() + 1);
            line.splice(to..to, moved);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn changed_lines_give_the_same_rows(
        changes in prop::collection::vec((any::<Index>(), prop::collection::vec(change(), 1..4)), 1..40),
    ) {
        let mut log: Vec<u8> = TASKS.iter().take(12).flat_map(|l| [l, &b"\n"[..]].concat()).collect();
        for (of, changes) in &changes {
            let mut line = of.get(&TASKS[..]).clone();
            changes.iter().for_each(|change| apply(&mut line, change));
            log.extend(line);
            log.push(b'\n');
        }
        prop_assert!(check(&log[..]).matched > 0);
    }
}

/// A line with other numbers behind each `key`.
fn with_numbers(line: &[u8], key: &str, number: impl Fn(u64) -> u64) -> Vec<u8> {
    let text = std::str::from_utf8(line).expect("a line of JSON");
    let mut parts = text.split(key);
    let mut changed = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        let old = part[..end].parse().expect("a number");
        changed.push_str(&format!("{key}{}{}", number(old), &part[end..]));
    }
    changed.into_bytes()
}

/// More stages and accumulators than are remembered at a time.
#[test]
fn what_is_forgotten_is_learned_again() {
    let ends = TASKS.iter().filter(|line| line.starts_with(br#"{"Event":"SparkListenerTaskEnd""#));
    let ends: Vec<_> = ends.filter(|line| !line.contains(&b'\\')).collect();
    let mut log = Vec::new();
    for (n, line) in (0..1_500).zip(ends.into_iter().cycle()) {
        let line = with_numbers(line, r#""Stage ID":"#, |_| n / 3 % 200);
        log.extend(with_numbers(&line, r#"{"ID":"#, |id| id + n / 3 % 200 * 1_000));
        log.push(b'\n');
    }
    let counts = check(&log[..]);
    assert!(counts.matched * 10 > counts.lines * 9, "{counts:?}");
}

/// Arrays in arrays, which are no event of Spark's.
#[test]
fn arrays_in_arrays_are_left_to_the_parser() {
    let event = |x: &str| format!(r#"{{"Event":"SparkListenerTaskStart","Stage ID":1,"X":{x}}}"#);
    let nested = |depth: usize, inner: &str| {
        event(&format!("{}{inner}{}", "[".repeat(depth), "]".repeat(depth)))
    };
    let task = r#""Task Info":{"Task ID":1},"#;
    let lines = [nested(2, "1"), nested(1100, "1"), nested(60, r#""a""#), nested(100_000, "1")]
        .map(|line| line.replace(r#""X""#, &format!(r#"{task}"X""#)));
    check(lines.join("\n").as_bytes());
}

/// An element without a hole begins and ends in the same text as those around it.
#[test]
fn elements_without_a_number_of_their_own_make_rows() {
    let line = |task: usize| {
        format!(
            r#"{{"Event":"SparkListenerTaskEnd","Stage ID":3,"Stage Attempt ID":0,"Task Info":{{"Task ID":{task},"Accumulables":[{{"ID":1,"Name":"a","Update":{task}}},{{"ID":2,"Name":"b","Internal":false}},{{"ID":3,"Name":"c","Update":{task}}}]}}}}"#
        )
    };
    let lines: Vec<_> = (100..200).map(line).collect();
    let counts = check(lines.join("\n").as_bytes());
    assert!(counts.matched > 90, "{counts:?}");
}

/// A line without items needs nothing; one of the same shape with items does.
#[test]
fn what_a_row_needs_of_its_event_is_asked_of_every_shape() {
    let class = "org.apache.spark.sql.execution.ui.SparkListenerDriverAccumUpdates";
    let line = |id: &str, updates: &str| {
        format!(r#"{{"Event":"{class}",{id}"accumUpdates":[{updates}]}}"#)
    };
    let lines = [
        line("", ""),
        line(r#""executionId":5,"#, r#"{"0":1,"1":2}"#),
        line("", r#"{"0":1,"1":2}"#),
        line("", r#"{"0":3,"1":4}"#),
    ];
    check(lines.join("\n").as_bytes());
}
