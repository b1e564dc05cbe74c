//! What fuzzing found worth keeping, checked again.

use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;

use stagelight_eventlog::Codec;

use crate::checks;

/// Checks each input that is kept of a fuzz target.
fn replay(target: &str, check: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut inputs = 0;
    for entry in fs::read_dir(&folder).expect("the target has a corpus") {
        let path = entry.expect("a folder can be read").path();
        let input = fs::read(&path).expect("a file can be read");
        let held = panic::catch_unwind(AssertUnwindSafe(|| check(&input)));
        assert!(held.is_ok(), "see above what does not hold of {}", path.display());
        inputs += 1;
    }
    assert!(inputs > 0, "{} is empty", folder.display());
}

#[test]
fn names() {
    replay("names", checks::names::check);
}

#[test]
fn zstd() {
    replay("zstd", |input| checks::codec::check(Codec::Zstd, input));
}

#[test]
fn lz4() {
    replay("lz4", |input| checks::codec::check(Codec::Lz4, input));
}

#[test]
fn snappy() {
    replay("snappy", |input| checks::codec::check(Codec::Snappy, input));
}

#[test]
fn lzf() {
    replay("lzf", |input| checks::codec::check(Codec::Lzf, input));
}

#[test]
fn gzip() {
    replay("gzip", |input| checks::codec::check(Codec::Gzip, input));
}

#[test]
fn lines() {
    replay("lines", checks::lines::check);
}

#[test]
fn decode() {
    replay("decode", checks::decode::check);
}
