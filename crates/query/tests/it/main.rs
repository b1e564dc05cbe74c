//! The engine over a lake of real logs.

mod plain;
mod pruning;
mod reference;
mod rollups;
mod slt;
mod sums;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use stagelight_ingest::{Options, Progress, discover, ingest};
use stagelight_lake::Lake;
use stagelight_query::{Engine, Settings};
use tempfile::TempDir;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// An engine over a lake that `logs` were ingested into, and the lake's folder.
async fn engine_of(logs: &[PathBuf], settings: &Settings) -> (TempDir, Engine) {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = Lake::create(&folder.path().display().to_string()).await.expect("a lake");
    let lake = Arc::new(lake);
    let found = discover(logs);
    ingest(&lake, found, &Options::default(), Arc::new(Progress::default())).await.expect("rows");
    let engine = Engine::new(lake, settings).await.expect("an engine");
    (folder, engine)
}

/// All logs of `testdata/`.
fn testdata() -> [PathBuf; 1] {
    [root().join("testdata/logs")]
}
