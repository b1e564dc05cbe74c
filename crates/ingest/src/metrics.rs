//! What is counted, as Prometheus has it.

use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};

use crate::report::Progress;

/// Upper bounds of the buckets of the time until rows are queryable, in seconds.
const BOUNDS: [f64; 14] =
    [0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0];

/// Something that counts, and is looked at while it goes on.
pub trait Metrics: Debug + Send + Sync + 'static {
    /// All families as they are now.
    fn families(&self) -> Vec<Family>;
}

/// A family of series, as Prometheus has them.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// What it counts.
    pub help: &'static str,
    /// Its series: what follows the name, labels, value.
    pub samples: Vec<Sample>,
}

/// One series.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// What is appended to the family's name: `_bucket`, `_sum`, `_count`, or nothing.
    pub suffix: &'static str,
    /// Its label, if it has one.
    pub label: Option<(&'static str, String)>,
    /// Its value.
    pub value: f64,
}

impl Family {
    pub(crate) fn counter(name: &'static str, help: &'static str, value: u64) -> Self {
        let samples = vec![Sample { suffix: "", label: None, value: value as f64 }];
        Self { name, kind: "counter", help, samples }
    }

    pub(crate) fn gauge(name: &'static str, help: &'static str, value: f64) -> Self {
        let samples = vec![Sample { suffix: "", label: None, value }];
        Self { name, kind: "gauge", help, samples }
    }

    /// What was read so far; the names are those of segments, bytes read, bytes decoded, events,
    /// rows and rows in quarantine.
    pub(crate) fn of_progress(names: [&'static str; 6], progress: &Progress) -> [Self; 6] {
        let [segments, read, decoded, events, rows, quarantined] = names;
        [
            Self::counter(segments, "Segments that were read.", progress.segments()),
            Self::counter(read, "Bytes of segments that were read, compressed.", progress.bytes()),
            Self::counter(
                decoded,
                "Bytes of segments that were read, decompressed.",
                progress.bytes_uncompressed(),
            ),
            Self::counter(events, "Events that were read.", progress.events()),
            Self::counter(rows, "Rows that events have made.", progress.rows()),
            Self::counter(quarantined, "Rows that went to quarantine.", progress.quarantined()),
        ]
    }
}

/// How many took at most so many seconds.
#[derive(Debug, Default)]
pub(crate) struct Histogram(Mutex<Counts>);

#[derive(Clone, Debug, Default)]
struct Counts {
    at_most: [u64; BOUNDS.len()],
    count: u64,
    sum: f64,
}

impl Histogram {
    pub(crate) fn observe(&self, seconds: f64) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.count += 1;
        counts.sum += seconds;
        for (bound, count) in BOUNDS.iter().zip(&mut counts.at_most) {
            *count += u64::from(seconds <= *bound);
        }
    }

    pub(crate) fn family(&self, name: &'static str, help: &'static str) -> Family {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let bucket = |bound: String, count: u64| Sample {
            suffix: "_bucket",
            label: Some(("le", bound)),
            value: count as f64,
        };
        let mut samples: Vec<Sample> = BOUNDS
            .iter()
            .zip(counts.at_most)
            .map(|(bound, count)| bucket(bound.to_string(), count))
            .collect();
        samples.push(bucket("+Inf".to_owned(), counts.count));
        samples.push(Sample { suffix: "_sum", label: None, value: counts.sum });
        samples.push(Sample { suffix: "_count", label: None, value: counts.count as f64 });
        Family { name, kind: "histogram", help, samples }
    }
}
