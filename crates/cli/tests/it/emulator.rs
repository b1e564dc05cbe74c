//! Buckets and queues of a real server on this machine: what is announced is in the lake once.

mod doctor;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::Value;

use crate::stagelight::{Row, Run, Stagelight, files, log, root, tables};

/// Whatever is waited for comes sooner, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(120);

const CREDENTIALS: [(&str, &str); 3] =
    [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"), ("AWS_REGION", "us-east-1")];

/// S3, SQS, SNS and EventBridge, with what `topology.py` makes of them.
struct Emulator {
    server: Child,
    url: String,
    queue: String,
    dead: String,
    s3: aws_sdk_s3::Client,
    sqs: aws_sdk_sqs::Client,
    /// Where the binary finds no configuration.
    folder: tempfile::TempDir,
}

impl Emulator {
    /// Starts one; `None` where there is none to be started.
    #[expect(clippy::print_stderr, reason = "whoever runs the tests must see that one was skipped")]
    fn start() -> Option<Self> {
        let python = std::env::var("STAGELIGHT_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let program = "import sys, os, boto3, ministack; print(os.path.join(sys.prefix, 'bin'))";
        let found = Command::new(&python).args(["-c", program]).output();
        let Some(found) = found.ok().filter(|output| output.status.success()) else {
            assert!(
                std::env::var_os("STAGELIGHT_REQUIRE_TOOLS").is_none(),
                "{python} has no boto3 and ministack"
            );
            eprintln!(
                "SKIPPED: {python} has no boto3 and ministack; set STAGELIGHT_PYTHON to one that has"
            );
            return None;
        };
        let bin = String::from_utf8(found.stdout).expect("a path");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
        let port = port.expect("a free port").port();
        let server = Command::new(Path::new(bin.trim()).join("ministack"))
            .env("GATEWAY_PORT", port.to_string())
            .env("BIND_HOST", "127.0.0.1")
            .env("SERVICES", "s3,sqs,sns,events,sts,iam")
            .env("LOG_LEVEL", "ERROR")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("ministack starts");
        wait_for("the emulator", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        let url = format!("http://127.0.0.1:{port}");
        let topology = root().join("crates/cli/tests/it/emulator/topology.py");
        let made = Command::new(&python).arg(topology).arg(&url).output().expect("python starts");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let made: BTreeMap<String, String> = serde_json::from_slice(&made.stdout).expect("JSON");
        let credentials = Credentials::new("test", "test", None, None, "test");
        let s3 = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(&url)
            .region(Region::new("us-east-1"))
            .credentials_provider(credentials.clone())
            .force_path_style(true)
            .build();
        let sqs = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(&url)
            .region(Region::new("us-east-1"))
            .credentials_provider(credentials)
            .build();
        Some(Self {
            server,
            url,
            queue: made["queue"].clone(),
            dead: made["dead"].clone(),
            s3: aws_sdk_s3::Client::from_conf(s3),
            sqs: aws_sdk_sqs::Client::from_conf(sqs),
            folder: tempfile::tempdir().expect("a folder"),
        })
    }

    async fn put(&self, key: &str, bytes: Vec<u8>) {
        let put = self.s3.put_object().bucket("logs").key(key).body(bytes.into());
        put.send().await.expect("it is put");
    }

    /// Puts every file below `folder` below `prefix`.
    async fn put_all(&self, folder: &Path, prefix: &str) {
        for path in files(folder) {
            let name = path.strip_prefix(folder).expect("it is below").display().to_string();
            self.put(&format!("{prefix}{name}"), fs::read(&path).expect("a file")).await;
        }
    }

    /// How many messages the queue has, whoever holds them.
    async fn depth(&self, queue: &str) -> u64 {
        let names = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
            QueueAttributeName::ApproximateNumberOfMessagesDelayed,
        ];
        let asked = self.sqs.get_queue_attributes().queue_url(queue);
        let answer = asked.set_attribute_names(Some(names.to_vec())).send().await;
        let attributes = answer.expect("an answer").attributes.unwrap_or_default();
        attributes.values().filter_map(|value| value.parse::<u64>().ok()).sum()
    }

    async fn wait_until_empty(&self) {
        let until = Instant::now() + PATIENCE;
        while self.depth(&self.queue).await > 0 {
            assert!(Instant::now() < until, "the queue is not emptied");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stagelight"));
        let ours = |name: &str| name.starts_with("STAGELIGHT_") || name.starts_with("AWS_");
        for (name, _) in std::env::vars().filter(|(name, _)| ours(name)) {
            command.env_remove(name);
        }
        command.env("XDG_CONFIG_HOME", self.folder.path()).env_remove("RUST_LOG");
        command.envs(CREDENTIALS).env("AWS_ENDPOINT_URL", &self.url).args(args);
        command
    }

    fn run(&self, args: &[&str]) -> Run {
        self.command(args).output().expect("the binary starts").into()
    }

    fn worker(&self, lake: &str, more: &[&str]) -> Worker {
        let args = ["--lake", lake, "worker", "--queue-url", &self.queue];
        let quick = ["--commit-after", "1s", "--listen", "127.0.0.1:0"];
        let mut command = self.command(&[&args[..], &quick, more].concat());
        let mut process = command.stderr(Stdio::piped()).spawn().expect("the binary starts");
        let mut stderr = BufReader::new(process.stderr.take().expect("it is piped"));
        let mut line = String::new();
        stderr.read_line(&mut line).expect("it says where it listens");
        let address = line.trim().strip_prefix("listening on http://");
        let address = address.unwrap_or_else(|| panic!("{line}")).to_owned();
        // Nobody reads what it says else; it must not wait for that.
        std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
        Worker { process, address }
    }

    fn rows(&self, lake: &str, query: &str) -> Vec<Value> {
        let run = self.run(&["--lake", lake, "sql", "--format", "json", query]);
        assert_eq!(run.code, 0, "{query}: {}", run.stderr);
        serde_json::from_str(&run.stdout).expect("an array of objects")
    }

    /// How many rows each table has.
    fn counts(&self, lake: &str) -> Vec<Value> {
        self.rows(lake, &count_all())
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

struct Worker {
    process: Child,
    address: String,
}

impl Worker {
    /// Status and text of what it answers to a GET of `path`.
    fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: worker\r\nConnection: close\r\n\r\n")
            .expect("it takes requests");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.expect("a status"), answer)
    }

    /// The value of a series.
    fn metric(&self, series: &str) -> f64 {
        let (_, text) = self.get("/metrics");
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {series} in {text}")).trim().parse().expect("a number")
    }

    /// Stops it with SIGTERM.
    fn stop(mut self) {
        let pid = self.process.id().to_string();
        let told = Command::new("kill").args(["-TERM", &pid]).status().expect("kill starts");
        assert!(told.success());
        let status = self.process.wait().expect("it ends");
        assert_eq!(status.code(), Some(0), "a clean drain");
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Asks how many rows each table has.
fn count_all() -> String {
    let counts =
        tables().map(|name| format!("SELECT '{name}' AS t, count(*) AS n FROM lake.{name}"));
    format!("{} ORDER BY t", counts.collect::<Vec<_>>().join(" UNION ALL "))
}

fn objects(rows: Vec<Row>) -> Vec<Value> {
    rows.into_iter().map(Value::Object).collect()
}

fn wait_for(what: &str, mut is_there: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_there() {
        assert!(Instant::now() < until, "{what} did not come");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn logs() -> PathBuf {
    root().join("testdata/logs")
}

#[tokio::test]
async fn a_bucket_is_read_as_a_folder_is() {
    let Some(emulator) = Emulator::start() else { return };
    emulator.put_all(&logs(), "quiet/").await;
    let run = emulator.run(&["--lake", "s3://lakes/one", "ingest", "s3://logs/quiet/"]);
    assert_eq!(run.code, 3, "{}", run.stderr);
    let local = Stagelight::with(&[&logs()]);
    assert_eq!(emulator.counts("s3://lakes/one"), objects(local.rows(&count_all())));
    let stages = "SELECT * FROM stages ORDER BY app_id, attempt_id, stage_id, stage_attempt_id";
    assert_eq!(emulator.rows("s3://lakes/one", stages), objects(local.rows(stages)));
    let run = emulator.run(&["--lake", "s3://lakes/one", "ingest", "s3://logs/quiet/"]);
    assert!(run.stdout.contains("events       0\n"), "{}", run.stdout);

    let clean = ["maintain", "--clean-logs", "s3://logs/quiet/rolled-40/", "--clean-after", "0s"];
    let run = emulator.run(&[&["--lake", "s3://lakes/one"], &clean[..]].concat());
    assert!(run.stdout.contains("1 of 1 logs were deleted"), "{}{}", run.stdout, run.stderr);
    let listed = emulator.s3.list_objects_v2().bucket("logs").prefix("quiet/rolled-40/");
    assert_eq!(listed.send().await.expect("a listing").key_count(), Some(0));

    let run = emulator.run(&["--lake", "s3://lakes/one", "ingest", "s3://nowhere/"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("s3://nowhere/"), "{}", run.stderr);
    let run = emulator.run(&["--lake", "s3://nowhere/lake", "ingest", "s3://logs/quiet/"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("s3://nowhere/lake"), "{}", run.stderr);
}

#[tokio::test]
async fn what_is_announced_is_in_the_lake_once_however_it_is_wrapped() {
    let Some(emulator) = Emulator::start() else { return };
    let lake = "s3://lakes/one";
    let worker = emulator.worker(lake, &[]);
    let names = ["rolled-40", "retry-40", "failure-40"];
    for (name, prefix) in names.iter().zip(["direct/a b+c/", "sns/ü/", "bridge/x=1/"]) {
        emulator.put_all(&log(name), prefix).await;
    }
    // Again, and something that is gone.
    emulator.put_all(&log("retry-40"), "direct/again/").await;
    for (key, bytes) in [("direct/gone", b"gone".to_vec()), ("direct/empty", Vec::new())] {
        emulator.put(key, bytes).await;
        let gone = emulator.s3.delete_object().bucket("logs").key(key);
        gone.send().await.expect("it is deleted");
    }
    let committed = "stagelight_worker_messages_total{outcome=\"committed\"}";
    wait_for("the segments", || worker.metric(committed) >= 6.0);
    emulator.wait_until_empty().await;
    assert_eq!(worker.get("/readyz").0, 200);
    assert!(worker.metric("stagelight_worker_event_to_queryable_seconds_count") >= 6.0);
    worker.stop();

    let paths: Vec<_> = names.iter().map(|name| log(name)).collect();
    let local = Stagelight::with(&paths.iter().map(PathBuf::as_path).collect::<Vec<_>>());
    // The copy is in the ledger, and its rows do not count.
    let mut expected = objects(local.rows(&count_all()));
    for row in expected.iter_mut().filter(|row| row["t"] == "sources") {
        row["n"] = Value::from(row["n"].as_i64().expect("a number") + 1);
    }
    assert_eq!(emulator.counts(lake), expected);
    let uris = emulator.rows(lake, "SELECT uri FROM sources WHERE uri LIKE '%a b+c%'");
    assert_eq!(uris.len(), 3, "keys are as they are");
}

#[tokio::test]
async fn what_is_in_the_way_is_told() {
    let Some(mut emulator) = Emulator::start() else { return };
    let nowhere = format!("{}/000000000000/nowhere", emulator.url);
    let run = emulator.run(&["--lake", "s3://lakes/one", "worker", "--queue-url", &nowhere]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("nowhere"), "{}", run.stderr);
    let run = emulator.run(&["worker", "--queue-url", &emulator.queue, "--reconcile-every", "1m"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("--prefix"), "{}", run.stderr);

    let worker = emulator.worker("s3://lakes/one", &[]);
    wait_for("readiness", || worker.get("/readyz").0 == 200);
    assert_eq!(worker.get("/healthz").0, 200);
    emulator.server.kill().expect("it is killed");
    emulator.server.wait().expect("it ends");
    wait_for("the end of readiness", || worker.get("/readyz").0 == 503);
    let (_, text) = worker.get("/readyz");
    assert!(text.contains("queue"), "{text}");
    assert_eq!(worker.get("/healthz").0, 200);
}

#[tokio::test]
async fn what_was_left_behind_comes_in() {
    let Some(emulator) = Emulator::start() else { return };
    let lake = "s3://lakes/one";
    // Never announced; announced, and given up by others; no announcement at all.
    emulator.put_all(&log("rolled-40"), "quiet/").await;
    let message = |body: &str| {
        emulator.sqs.send_message().queue_url(&emulator.dead).message_body(body).send()
    };
    emulator.put_all(&log("retry-40"), "other/").await;
    let key = "other/eventlog_v2_app-20261122182032-0000/events_1_app-20261122182032-0000.zstd";
    let record = serde_json::json!({ "Records": [{
        "eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
        "s3": { "bucket": { "name": "logs" }, "object": { "key": key } },
    }] });
    message(&record.to_string()).await.expect("it is sent");
    message("hello").await.expect("it is sent");

    let args = ["--lake", lake, "replay", "--queue-url", &emulator.queue];
    let run = emulator.run(&[&args[..], &["--dead-letters", &emulator.dead]].concat());
    assert_eq!((run.code, run.stdout.as_str()), (0, "2 messages\n"), "{}", run.stderr);
    let worker = emulator.worker(lake, &["--prefix", "s3://logs/", "--reconcile-every", "1s"]);
    wait_for("what nobody announced", || {
        worker.metric("stagelight_worker_swept_segments_total") >= 3.0
    });
    emulator.wait_until_empty().await;
    wait_for("all of it", || emulator.rows(lake, "SELECT uri FROM sources").len() == 5);
    let quarantined = "stagelight_worker_messages_total{outcome=\"quarantined\"}";
    wait_for("what became of the message", || worker.metric(quarantined) == 1.0);
    worker.stop();
    assert_eq!(emulator.depth(&emulator.dead).await, 0);
    let kept = emulator.rows(lake, "SELECT source, reason FROM quarantine");
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert!(kept[0]["source"].as_str().is_some_and(|source| source.starts_with("sqs:")));

    // A prefix of what is in by now has nothing to be replayed.
    let run = emulator.run(&[&args[..], &["s3://logs/quiet/"]].concat());
    assert_eq!((run.code, run.stdout.as_str()), (0, "0 messages\n"), "{}", run.stderr);
}
