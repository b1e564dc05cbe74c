//! A folder that is followed while Spark writes into it.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::exactly_once::same;
use crate::stagelight::{Stagelight, log};

const APP: &str = "local-1795371532772";
/// A noisy machine may take so long.
const LONG: Duration = Duration::from_secs(120);

/// `stagelight watch` over `logs/` beside the lake.
struct Watching<'a> {
    stagelight: &'a Stagelight,
    child: Child,
    port: u16,
}

impl<'a> Watching<'a> {
    fn start(stagelight: &'a Stagelight) -> Self {
        Self::sweeping(stagelight, "2s")
    }

    fn sweeping(stagelight: &'a Stagelight, every: &str) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let listen = format!("127.0.0.1:{port}");
        let child = stagelight
            .command(&["watch", "--sweep-every", every, "--listen", &listen])
            .arg(logs(stagelight))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        Self { stagelight, child, port }
    }

    /// Waits until so many events count; there may be no lake yet.
    fn until_events_are(&self, expected: usize) {
        let query = "SELECT coalesce(sum(events), 0) AS n FROM sources WHERE state = 'counted'";
        self.until(query, &expected.to_string());
    }

    /// Waits until `expected` answers `query`.
    fn until(&self, query: &str, expected: &str) {
        let since = Instant::now();
        loop {
            let run = self.stagelight.run(&["sql", "--format", "csv", query]);
            let answer = run.stdout.lines().nth(1);
            if answer == Some(expected) {
                return;
            }
            assert!(
                since.elapsed() < LONG,
                "{query}: {answer:?} is not {expected}: {}",
                run.stderr
            );
            sleep(Duration::from_millis(50));
        }
    }

    /// What is answered at `path`, header and all.
    fn get(&self, path: &str) -> String {
        let mut answer = String::new();
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) {
            let asked =
                write!(stream, "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            asked.and_then(|()| stream.read_to_string(&mut answer)).expect("an answer");
        }
        answer
    }

    /// Sends SIGTERM, and tells the exit code.
    fn terminate(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(sent.expect("kill starts").success());
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn logs(stagelight: &Stagelight) -> PathBuf {
    stagelight.folder().join("logs")
}

fn made(stagelight: &Stagelight) -> PathBuf {
    fs::create_dir_all(logs(stagelight)).expect("a folder");
    logs(stagelight)
}

/// A log that is not compressed.
fn plain() -> Vec<u8> {
    let folder = log("billing-plain-35").join(format!("eventlog_v2_{APP}"));
    fs::read(folder.join(format!("events_1_{APP}"))).expect("a log of testdata")
}

fn lines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

/// The lake has what a quiet run makes of the folder as it is now.
fn is_as_ingested(stagelight: &Stagelight) {
    let quiet = Stagelight::with(&[&logs(stagelight)]);
    same(stagelight, &quiet);
}

#[test]
fn a_log_that_grows_is_followed_to_its_end() {
    let stagelight = Stagelight::new();
    let folder = made(&stagelight);
    let unfinished = folder.join(format!("{APP}.inprogress"));
    let bytes = plain();
    let watching = Watching::start(&stagelight);
    let mut file = File::create(&unfinished).expect("a file");
    let mut written = 0;
    for cut in [100, 150_000, 150_001, 190_000, 256_000, bytes.len()] {
        file.write_all(&bytes[written..cut]).and_then(|()| file.flush()).expect("it grows");
        written = cut;
        watching.until_events_are(lines(&bytes[..cut]));
    }
    let cut = "SELECT count(*) FROM quarantine";
    assert_eq!(stagelight.value(cut), json!(0), "a line is whole once the rest of it has come");
    fs::rename(&unfinished, folder.join(APP)).expect("it is finished");
    watching.until(&format!("SELECT count(*) FROM sources WHERE uri LIKE '%/{APP}'"), "1");
    // Of the unfinished file nothing is left.
    watching.until("SELECT string_agg(state, ' ') AS states FROM sources", "counted");
    let metrics = watching.get("/metrics");
    assert!(
        metrics.contains("\nstagelight_watch_modified_to_queryable_seconds_count "),
        "{metrics}"
    );
    assert!(watching.get("/readyz").starts_with("HTTP/1.1 200"));
    assert_eq!(watching.terminate(), Some(0));
    is_as_ingested(&stagelight);
}

#[test]
fn a_watch_that_stops_leaves_nothing_of_an_unfinished_name() {
    let stagelight = Stagelight::new();
    let folder = made(&stagelight);
    let unfinished = folder.join(format!("{APP}.inprogress"));
    fs::write(&unfinished, plain()).expect("a file");
    let watching = Watching::sweeping(&stagelight, "1h");
    watching.until_events_are(lines(&plain()));
    fs::rename(&unfinished, folder.join(APP)).expect("it is finished");
    watching.until(&format!("SELECT count(*) FROM sources WHERE uri LIKE '%/{APP}'"), "1");
    assert_eq!(watching.terminate(), Some(0));
    is_as_ingested(&stagelight);
}

#[test]
fn a_watch_that_is_killed_goes_on_where_it_stopped() {
    let stagelight = Stagelight::new();
    let folder = made(&stagelight);
    let rolling = folder.join(format!("eventlog_v2_{APP}"));
    let file = rolling.join(format!("events_1_{APP}"));
    let bytes = plain();
    fs::create_dir(&rolling).expect("a folder");
    fs::write(rolling.join(format!("appstatus_{APP}.inprogress")), "").expect("a file");
    let mut growing = File::create(&file).expect("a file");
    let mut written = 0;
    for round in 1..=8 {
        let mut watching = Watching::start(&stagelight);
        let cut = bytes.len() * round / 8;
        for part in bytes[written..cut].chunks(9_000) {
            growing.write_all(part).and_then(|()| growing.flush()).expect("it grows");
            sleep(Duration::from_millis(40 + 10 * round as u64));
        }
        written = cut;
        watching.child.kill().expect("a child can be killed");
        watching.child.wait().expect("a child can be waited for");
    }
    let status = |end: &str| rolling.join(format!("appstatus_{APP}{end}"));
    fs::rename(status(".inprogress"), status("")).expect("it is finished");
    let watching = Watching::start(&stagelight);
    watching.until_events_are(lines(&bytes));
    assert_eq!(watching.terminate(), Some(0));
    is_as_ingested(&stagelight);
}

#[test]
fn what_is_there_is_read_first() {
    let stagelight = Stagelight::new();
    let folder = made(&stagelight);
    for name in ["rolled-40", "retry-40"] {
        copy(&log(name), &folder);
    }
    let watching = Watching::start(&stagelight);
    watching.until("SELECT count(*) FROM sources", "4");
    assert_eq!(watching.terminate(), Some(0));
    is_as_ingested(&stagelight);
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            fs::create_dir(&to).expect("a folder");
            copy(&from, &to);
        } else {
            fs::copy(from, to).expect("a copy");
        }
    }
}

#[test]
fn what_cannot_be_watched_is_an_error_that_says_what_to_do() {
    let stagelight = Stagelight::new();
    let missing = stagelight.run(&["watch", "/nowhere/logs"]);
    assert_eq!(missing.code, 1);
    assert!(missing.stderr.contains("make it if it is not there yet"), "{}", missing.stderr);
    assert!(!stagelight.lake().exists(), "no lake is made in vain");
    let folder = stagelight.folder().display().to_string();
    let inside = stagelight.run(&["watch", &folder]);
    assert_eq!(inside.code, 1);
    assert!(inside.stderr.contains("is in the folder that is watched"), "{}", inside.stderr);
}

#[test]
fn the_demo_shows_logs_that_grow() {
    let stagelight = Stagelight::new();
    let args = ["demo", "--live", "--live-for", "3s", "--once", "--listen", "127.0.0.1:0"];
    let run = stagelight.run(&args);
    assert_eq!(run.code, 0, "{}", run.stderr);
    for said in [
        "payments-reconcile: status failed, jobs done 4, stages done 5, tasks done 30",
        "sessions-sort: status succeeded, jobs done 5, stages done 9, tasks done 32, spilled 180.1 MiB",
        "From flush to queryable: ",
        "The five slowest stages",
    ] {
        assert!(run.stdout.contains(said), "{said}: {}", run.stdout);
    }
}
