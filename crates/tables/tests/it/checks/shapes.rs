//! Learned shapes: the same rows as by the parser alone.

use std::io::Read;

use arrow::array::RecordBatch;
use stagelight_eventlog::{Identity, Lines};
use stagelight_tables::Rows;

const LIMIT: usize = 64 << 20;

/// How many lines were read, and how many of them without the parser.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Lines that were read.
    pub lines: u64,
    /// Of these, those that needed no parser.
    pub matched: u64,
}

/// Reads a log both ways.
///
/// # Panics
///
/// Where a line, a row or a reason for what is bad differs.
pub fn check(log: impl Read) -> Counts {
    let identity = Identity { app_id: "app".to_owned(), attempt_id: None };
    let mut learned = Rows::new(&identity, 1);
    let mut parsed = Rows::unlearned(&identity, 1);
    let mut lines = Lines::new(log, LIMIT);
    let mut counts = Counts::default();
    while let Some(line) = lines.next_line() {
        let Ok(mut line) = line else { continue };
        let text = line.bytes().to_vec();
        // Learned first: the parser may write over the line.
        let found = learned.push(&mut line).map_err(|bad| bad.to_string());
        let mut copy = Lines::new(&text[..], LIMIT);
        let mut copy = copy.next_line().expect("it is a line").expect("that is not too long");
        copy.number = line.number;
        let expected = parsed.push(&mut copy).map_err(|bad| bad.to_string());
        assert_eq!(found, expected, "line {}: {}", line.number, String::from_utf8_lossy(&text));
        assert_eq!(learned.raw(&line), text, "what is kept of line {}", line.number);
        counts.lines += 1;
        compare(learned.full().collect(), parsed.full().collect());
    }
    compare(learned.rest().collect(), parsed.rest().collect());
    counts.matched = learned.matched();
    counts
}

fn compare(
    learned: Vec<(&stagelight_tables::Table, RecordBatch)>,
    parsed: Vec<(&stagelight_tables::Table, RecordBatch)>,
) {
    assert_eq!(learned.len(), parsed.len(), "tables with rows");
    for ((table, learned), (other, parsed)) in learned.into_iter().zip(parsed) {
        assert_eq!(table.name, other.name);
        assert!(learned == parsed, "{}, learned: {learned:#?}\nparsed: {parsed:#?}", table.name);
    }
}
