//! What `simd-json` takes to parse a log and do nothing with it: a tape of every line, in buffers
//! that are reused.
//!
//! Prints the CPU seconds of the pass alone, over bytes that are in memory already.

use std::fs;
use std::hint::black_box;
use std::io::{Write, stdout};

use anyhow::{Context, Result, bail};
use simd_json::{Buffers, Tape, fill_tape};

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

fn parse(bytes: &mut [u8]) -> Result<usize> {
    let mut buffers = Buffers::default();
    let mut memory = Tape::null();
    let mut nodes = 0;
    let mut rest = bytes;
    while !rest.is_empty() {
        let len = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let (line, behind) = rest.split_at_mut(len);
        rest = behind.get_mut(1..).unwrap_or_default();
        if line.is_empty() {
            continue;
        }
        let mut tape = memory.reset();
        fill_tape(line, &mut buffers, &mut tape)?;
        nodes += black_box(&tape).0.len();
        memory = tape.reset();
    }
    Ok(nodes)
}

/// CPU time of this thread so far.
fn cpu_seconds() -> Result<f64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: f64 = text.split(' ').next().context("no CPU time")?.parse()?;
    Ok(nanoseconds / 1e9)
}
