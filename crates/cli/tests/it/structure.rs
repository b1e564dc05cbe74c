//! The house as its plan says it is.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::stagelight::root;

/// Arrows of ARCHITECTURE.md: who may depend on whom.
const ALLOWED: [(&str, &[&str]); 8] = [
    ("stagelight-eventlog", &[]),
    ("stagelight-tables", &["stagelight-eventlog"]),
    ("stagelight-lake", &["stagelight-tables", "stagelight-eventlog"]),
    ("stagelight-ingest", &["stagelight-lake", "stagelight-tables", "stagelight-eventlog"]),
    ("stagelight-query", &["stagelight-lake", "stagelight-tables"]),
    ("stagelight-server", &["stagelight-query"]),
    (
        "stagelight",
        &[
            "stagelight-server",
            "stagelight-query",
            "stagelight-ingest",
            "stagelight-lake",
            "stagelight-tables",
        ],
    ),
    // One of its programs asks a lake; its benchmarks alone know the others.
    ("stagelight-benches", &["stagelight-lake", "stagelight-query"]),
];

/// What a crate must never know.
const FORBIDDEN: [(&str, &[&str]); 6] = [
    ("stagelight-eventlog", &["arrow", "tokio", "parquet", "datafusion"]),
    ("stagelight-tables", &["datafusion", "tokio", "simd-json", "object_store"]),
    ("stagelight-lake", &["datafusion", "simd-json", "axum"]),
    ("stagelight-ingest", &["datafusion", "simd-json", "axum"]),
    ("stagelight-query", &["axum", "simd-json", "rayon"]),
    ("stagelight-server", &["simd-json", "rayon", "deltalake-core"]),
];

fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo is there");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    list(&metadata["packages"])
        .iter()
        .map(|package| {
            let used = list(&package["dependencies"])
                .iter()
                .filter(|dependency| dependency["kind"].is_null())
                .map(|dependency| text(&dependency["name"]))
                .collect();
            (text(&package["name"]), used)
        })
        .collect()
}

#[test]
fn arrows_point_one_way() {
    let dependencies = dependencies();
    assert_eq!(dependencies.len(), ALLOWED.len());
    for (name, allowed) in ALLOWED {
        let ours = dependencies[name].iter().filter(|used| used.starts_with("stagelight"));
        for used in ours {
            assert!(allowed.contains(&used.as_str()), "{name} depends on {used}");
        }
    }
    for (name, forbidden) in FORBIDDEN {
        for used in forbidden {
            assert!(!dependencies[name].contains(*used), "{name} depends on {used}");
        }
    }
}

#[test]
fn the_readme_names_commands_that_exist() {
    let readme = fs::read_to_string(root().join("README.md")).expect("a README");
    let mut seen = 0;
    for line in readme.lines() {
        let Some(rest) = line.trim().strip_prefix("stagelight ") else { continue };
        let mut words = rest.split_whitespace().skip_while(|word| *word == "--lake");
        let command = words.find(|word| !word.contains("://")).unwrap_or_default();
        let help =
            Command::new(env!("CARGO_BIN_EXE_stagelight")).args([command, "--help"]).output();
        assert!(help.expect("the binary starts").status.success(), "{line}");
        seen += 1;
    }
    assert!(seen >= 3, "the README shows commands");
}

#[test]
fn nothing_is_left_unfinished() {
    let mut folders = vec![root().join("crates"), root().join("sql"), root().join("benches")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap_or_default();
            for word in ["TODO", "FIXME", "todo!(", "unimplemented!("] {
                let here = path.ends_with("structure.rs");
                assert!(here || !text.contains(word), "{word} in {}", path.display());
            }
        }
    }
}
