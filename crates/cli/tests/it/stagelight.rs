//! Running the binary.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Map, Value};

/// A row of an answer.
pub(crate) type Row = Map<String, Value>;

/// The binary over one lake, in a folder that goes away.
pub(crate) struct Stagelight {
    folder: tempfile::TempDir,
}

/// What a run of the binary gave.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Stagelight {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    /// A lake with these logs in it, whatever of them went to quarantine.
    pub(crate) fn with(paths: &[&Path]) -> Self {
        let stagelight = Self::new();
        let run = stagelight.ingest(paths);
        assert!(matches!(run.code, 0 | 3), "{}", run.stderr);
        stagelight
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn lake(&self) -> PathBuf {
        self.folder.path().join("lake")
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stagelight"));
        command.arg("--lake").arg(self.lake()).args(args);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("STAGELIGHT_")) {
            command.env_remove(name);
        }
        command.env("XDG_CONFIG_HOME", self.folder.path()).env_remove("RUST_LOG");
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Run {
        self.command(args).output().expect("the binary starts").into()
    }

    pub(crate) fn ingest(&self, paths: &[&Path]) -> Run {
        let mut command = self.command(&["ingest"]);
        command.args(paths).output().expect("the binary starts").into()
    }

    /// The rows that answer `query`.
    pub(crate) fn rows(&self, query: &str) -> Vec<Row> {
        let run = self.run(&["sql", "--format", "json", query]);
        assert_eq!(run.code, 0, "{query}: {}", run.stderr);
        serde_json::from_str(&run.stdout).expect("an array of objects")
    }

    /// The one value that answers `query`.
    pub(crate) fn value(&self, query: &str) -> Value {
        let rows = self.rows(query);
        assert_eq!(rows.len(), 1, "{query}");
        rows[0].values().next().expect("a column").clone()
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// The root of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// A log of `testdata/`, by its name.
pub(crate) fn log(name: &str) -> PathBuf {
    root().join("testdata/logs").join(name)
}

/// Every table of the lake that ingestion fills.
pub(crate) fn tables() -> impl Iterator<Item = &'static str> {
    stagelight_tables::all().filter(|table| !table.is_rollup()).map(|table| table.name)
}

/// Every file below a folder, in order.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { files.extend(self::files(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

/// The events of a file of `testdata/logs` that is packed with zstd, a line each.
pub(crate) fn lines(name: &str) -> Vec<String> {
    let bytes = fs::read(log(name)).expect("a log");
    let text = zstd::decode_all(&bytes[..]).expect("it is whole");
    let text = String::from_utf8(text).expect("JSON is UTF-8");
    text.split_inclusive('\n').map(str::to_owned).collect()
}

/// What a random test is random by: `STAGELIGHT_SEED`, or anything.
pub(crate) fn seed() -> u64 {
    let given = std::env::var("STAGELIGHT_SEED").ok().and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(|| fastrand::u64(..1_000_000))
}
