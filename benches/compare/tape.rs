//! What `simd-json` takes to parse a log and do nothing with it: a tape of every line, in buffers
//! that are reused.
//!
//! Prints the CPU seconds of the pass alone, over bytes that are in memory already.

use std::fs;
use std::hint::black_box;
use std::io::{Write, stdout};

use anyhow::{Context, Result, bail};
use simd_json::{Buffers, INPUT_PADDING, Tape, fill_tape_padded};

fn main() -> Result<()> {
    let files: Vec<_> = std::env::args_os().skip(1).collect();
    if files.is_empty() {
        bail!("usage: tape FILE...");
    }
    let mut bytes = Vec::new();
    for file in &files {
        let mut text = fs::read(file).with_context(|| file.display().to_string())?;
        bytes.append(&mut text);
    }
    let before = cpu_seconds()?;
    let nodes = parse(&mut bytes)?;
    let seconds = cpu_seconds()? - before;
    writeln!(stdout(), r#"{{"bytes": {}, "nodes": {nodes}, "cpu": {seconds}}}"#, bytes.len())?;
    Ok(())
}

/// Parses each line where it stands: what is behind it is the padding that the parser reads over.
fn parse(bytes: &mut Vec<u8>) -> Result<usize> {
    let mut buffers = Buffers::default();
    let mut memory = Tape::null();
    let (mut start, mut nodes) = (0, 0);
    let end = bytes.len();
    bytes.resize(end + INPUT_PADDING, 0);
    while start < end {
        let rest = &mut bytes[start..];
        let len = memchr::memchr(b'\n', rest).unwrap_or(end - start);
        if len > 0 {
            let mut tape = memory.reset();
            fill_tape_padded(&mut rest[..len + INPUT_PADDING], len, &mut buffers, &mut tape)?;
            nodes += black_box(&tape).0.len();
            memory = tape.reset();
        }
        start += len + 1;
    }
    bytes.truncate(end);
    Ok(nodes)
}

/// CPU time of this thread so far.
fn cpu_seconds() -> Result<f64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: f64 = text.split(' ').next().context("no CPU time")?.parse()?;
    Ok(nanoseconds / 1e9)
}
