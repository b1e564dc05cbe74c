//! How far a run is, and what it did.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::quarantine::Problem;

/// How far a run is. Others look while it goes on.
#[derive(Debug, Default)]
pub struct Progress {
    bytes: AtomicU64,
    bytes_found: AtomicU64,
    segments: AtomicU64,
    events: AtomicU64,
    rows: AtomicU64,
    quarantined: AtomicU64,
    bytes_uncompressed: AtomicU64,
}

macro_rules! counters {
    ($($(#[$doc:meta])* $field:ident, $add:ident;)*) => {$(
        $(#[$doc])*
        pub fn $field(&self) -> u64 {
            self.$field.load(Ordering::Relaxed)
        }

        pub(crate) fn $add(&self, more: u64) {
            self.$field.fetch_add(more, Ordering::Relaxed);
        }
    )*};
}

impl Progress {
    counters! {
        /// Bytes of segments that were found and are to be read, compressed.
        bytes_found, add_bytes_found;
        /// Bytes that were read, compressed.
        bytes, add_bytes;
        /// Segments that were read.
        segments, add_segments;
        /// Events that were read.
        events, add_events;
        /// Rows that they made.
        rows, add_rows;
        /// Rows in quarantine.
        quarantined, add_quarantined;
        /// Bytes that were read, decompressed.
        bytes_uncompressed, add_bytes_uncompressed;
    }
}

/// What a run did.
#[derive(Debug, Default)]
pub struct Report {
    /// Logs that were found.
    pub logs: usize,
    /// Segments that were found.
    pub segments: usize,
    /// Of these, segments that the lake had already.
    pub already_in: usize,
    /// Files that are no part of a log, by their names.
    pub skipped: usize,
    /// Events that were read.
    pub events: u64,
    /// Rows that they made.
    pub rows: u64,
    /// Bytes that were read, compressed.
    pub bytes: u64,
    /// Bytes that were read, decompressed.
    pub bytes_uncompressed: u64,
    /// Rows that went to quarantine.
    pub quarantined: u64,
    /// The first of them, with the file that each is of.
    pub problems: Vec<(String, Problem)>,
    /// How long it took.
    pub elapsed: Duration,
}

impl Report {
    /// Decompressed megabytes (10^6 bytes) per second.
    pub fn megabytes_per_second(&self) -> f64 {
        let megabytes = self.bytes_uncompressed as f64 / 1e6;
        megabytes / self.elapsed.as_secs_f64().max(1e-9)
    }
}
