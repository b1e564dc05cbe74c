//! Other engines read the lake without us: delta-rs and Polars, from Python.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use crate::stagelight::{Stagelight, root, tables};

/// Counts the rows of every table, and adds up a column whose type Delta and Arrow name
/// differently, with Polars over delta-rs.
const COUNT: &str = r#"
import json, os, sys
import deltalake, polars
counts = {}
for table in sorted(os.listdir(sys.argv[1])):
    path = os.path.join(sys.argv[1], table)
    assert deltalake.DeltaTable.is_deltatable(path), path
    frame = polars.scan_delta(path)
    counts[table] = frame.select(polars.len()).collect().item()
ends = polars.scan_delta(os.path.join(sys.argv[1], "task_ends"))
counts["last"] = ends.select(polars.col("finish_time").dt.epoch("ms").max()).collect().item()
jobs = polars.scan_delta(os.path.join(sys.argv[1], "job_events"))
counts["stage_ids"] = jobs.select(polars.col("stage_ids").list.len().sum()).collect().item()
print(json.dumps(counts))
"#;

#[test]
#[expect(clippy::print_stderr, reason = "whoever runs the tests must see that one was skipped")]
fn polars_counts_the_same_rows() {
    let python = std::env::var("STAGELIGHT_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has = Command::new(&python).args(["-c", "import deltalake, polars"]).output();
    if !has.is_ok_and(|output| output.status.success()) {
        assert!(
            std::env::var_os("STAGELIGHT_REQUIRE_TOOLS").is_none(),
            "{python} has no deltalake and polars"
        );
        eprintln!(
            "SKIPPED: {python} has no deltalake and polars; set STAGELIGHT_PYTHON to one that has"
        );
        return;
    }
    let stagelight = Stagelight::with(&[&root().join("testdata/logs")]);
    same_counts(&python, &stagelight);
    let run = stagelight.run(&["maintain", "--settled", "0s", "--min-files", "2"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    same_counts(&python, &stagelight);
}

fn same_counts(python: &str, stagelight: &Stagelight) {
    let output = Command::new(python)
        .args(["-c", COUNT])
        .arg(stagelight.lake())
        .output()
        .expect("python starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let theirs: BTreeMap<String, Value> =
        serde_json::from_slice(&output.stdout).expect("the script prints JSON");
    for table in tables() {
        let ours = stagelight.value(&format!("SELECT count(*) FROM lake.{table}"));
        assert_eq!(theirs[table], ours, "{table}");
    }
    let last = "SELECT CAST(max(finish_time) AS BIGINT) FROM lake.task_ends";
    assert_eq!(theirs["last"], stagelight.value(last));
    let stage_ids = "SELECT sum(array_length(stage_ids)) FROM lake.job_events";
    assert_eq!(theirs["stage_ids"], stagelight.value(stage_ids));
}
