//! The engine over a lake of real logs.

mod plain;
mod pruning;
mod slt;
mod sums;

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
