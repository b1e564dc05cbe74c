//! Segments that wait to be committed together.

use std::time::Duration;

use stagelight_lake::{Ingested, StoredFile};
use tokio::time::Instant;

/// When a group of segments is committed: when it reaches one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupLimits {
    /// Segments.
    pub segments: usize,
    /// Rows of all tables.
    pub rows: u64,
    /// Bytes of the data files.
    pub bytes: u64,
    /// Time since its first segment was read.
    pub age: Duration,
}

impl Default for GroupLimits {
    fn default() -> Self {
        Self { segments: 256, rows: 50_000_000, bytes: 1 << 30, age: Duration::from_secs(30) }
    }
}

/// Segments that are read, and wait.
#[derive(Debug)]
pub(crate) struct Group {
    limits: GroupLimits,
    segments: Vec<Ingested>,
    rows: u64,
    bytes: u64,
    since: Option<Instant>,
}

impl Group {
    pub(crate) fn new(limits: GroupLimits) -> Self {
        Self { limits, segments: Vec::new(), rows: 0, bytes: 0, since: None }
    }

    pub(crate) fn push(&mut self, segment: Ingested) {
        self.rows += segment.rows;
        self.bytes += segment.files.iter().map(StoredFile::size).sum::<u64>();
        self.since.get_or_insert_with(Instant::now);
        self.segments.push(segment);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.is_large() || self.due().is_some_and(|due| due <= Instant::now())
    }

    /// Whether it is full, however long it has waited.
    pub(crate) fn is_large(&self) -> bool {
        self.segments.len() >= self.limits.segments
            || self.rows >= self.limits.rows
            || self.bytes >= self.limits.bytes
    }

    /// When it is to be committed at the latest; `None` where it is empty.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.since.map(|since| since + self.limits.age)
    }

    pub(crate) fn take(&mut self) -> Vec<Ingested> {
        let taken = std::mem::take(&mut self.segments);
        *self = Self::new(self.limits);
        taken
    }
}
