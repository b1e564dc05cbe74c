//! Prometheus' own judgement of a scrape.

use std::env;
use std::io::{ErrorKind, Write};
use std::process::{Command, Stdio};

use crate::fixture::{REQUIRED, Running, TestLake, settings};

#[tokio::test(flavor = "multi_thread")]
async fn promtool_has_nothing_to_say() {
    let mut promtool = Command::new("promtool");
    promtool.args(["check", "metrics"]).stdin(Stdio::piped());
    promtool.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut promtool = match promtool.spawn() {
        Err(error) if error.kind() == ErrorKind::NotFound && env::var_os(REQUIRED).is_none() => {
            return skip();
        }
        started => started.expect("promtool can be run"),
    };
    let lake = TestLake::with(&["failure-40", "spill-40"]).await;
    let server = Running::start(lake.engine().await, settings()).await;
    server.get("/healthz").await;
    let scrape = server.get("/metrics").await;
    server.stop().await;

    let mut input = promtool.stdin.take().expect("its input is a pipe");
    input.write_all(scrape.body.as_bytes()).expect("it reads its input");
    drop(input);
    let output = promtool.wait_with_output().expect("it ends");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    // The names that Spark gives are not as promtool would have them.
    let of_ours: Vec<_> = said.lines().filter(|line| !line.starts_with("spark_")).collect();
    assert!(of_ours.is_empty(), "{of_ours:?}");
    let of_names = "metric names should";
    assert!(said.lines().all(|line| line.contains(of_names)), "{said}");
}

#[expect(clippy::print_stderr, reason = "who reads the test's output should know")]
fn skip() {
    eprintln!(
        "SKIPPED: promtool is not installed, nobody has checked the metrics ({REQUIRED}=1 forbids that)"
    );
}
