//! Where a setting may come from.

use std::fs;

use serde_json::json;

use crate::stagelight::{Run, Stagelight, log};

#[test]
fn thresholds_of_file_environment_and_flags_count_by_their_names() {
    let stagelight = Stagelight::with(&[&log("billing-plain-35")]);
    let file = stagelight.folder().join("settings.toml");
    let thresholds =
        "[sql]\nthreshold = [\"skew_ratio=1\", \"spill_ratio=1\", \"slow_rate_ratio=1\"]\n";
    fs::write(&file, thresholds).expect("a file");
    let query = "SELECT name, value FROM thresholds
                 WHERE name IN ('skew_ratio', 'spill_ratio', 'slow_rate_ratio') ORDER BY name";
    let answer = |flags: &[&str]| -> serde_json::Value {
        let mut command = stagelight.command(&["sql", "--format", "json", query]);
        command.arg("--config").arg(&file).args(flags);
        command.env("STAGELIGHT_THRESHOLD", "spill_ratio=2,slow_rate_ratio=2");
        let run: Run = command.output().expect("the binary starts").into();
        assert_eq!(run.code, 0, "{}", run.stderr);
        serde_json::from_str(&run.stdout).expect("JSON")
    };
    let row = |name: &str, value: f64| json!({ "name": name, "value": value });
    let [skew, slow, spill] = ["skew_ratio", "slow_rate_ratio", "spill_ratio"];
    assert_eq!(answer(&[]), json!([row(skew, 1.0), row(slow, 2.0), row(spill, 2.0)]));
    let flags = ["--threshold", "slow_rate_ratio=3"];
    assert_eq!(answer(&flags), json!([row(skew, 1.0), row(slow, 3.0), row(spill, 2.0)]));
}
