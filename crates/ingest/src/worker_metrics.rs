//! What a worker counts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::queue::Depth;
use crate::report::Progress;

/// Upper bounds of the buckets of the time from event to queryable, in seconds.
const BOUNDS: [f64; 12] = [0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0];

/// What became of a message. Of the fates of its objects, the last in this order is its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// It says nothing of a segment to be read, and it was deleted.
    Ignored,
    /// The ledger had all of it, and it was deleted.
    Duplicate,
    /// Its objects are not there any more, and it was deleted.
    Gone,
    /// Segments of it were committed, and it was deleted.
    Committed,
    /// It, or an object of it, went to quarantine, and it was deleted.
    Quarantined,
    /// It was given back to the queue, to be tried again.
    GivenBack,
    /// Its lease was lost.
    Lost,
}

impl Fate {
    const ALL: [Self; 7] = [
        Self::Ignored,
        Self::Duplicate,
        Self::Gone,
        Self::Committed,
        Self::Quarantined,
        Self::GivenBack,
        Self::Lost,
    ];

    /// Its name as a label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Committed => "committed",
            Self::Duplicate => "duplicate",
            Self::Ignored => "ignored",
            Self::Gone => "gone",
            Self::Quarantined => "quarantined",
            Self::GivenBack => "given_back",
            Self::Lost => "lost",
        }
    }
}

/// What a worker counts, and others read while it goes on.
#[derive(Debug, Default)]
pub struct WorkerMetrics {
    /// Of segments that were read.
    pub progress: Arc<Progress>,
    messages: [AtomicU64; Fate::ALL.len()],
    commits: AtomicU64,
    commit_conflicts: AtomicU64,
    extension_failures: AtomicU64,
    leases_lost: AtomicU64,
    swept: AtomicU64,
    oldest_ms: AtomicU64,
    depth: Mutex<Option<Depth>>,
    latency: Mutex<Histogram>,
}

/// How many were at most so large.
#[derive(Clone, Debug, Default)]
struct Histogram {
    counts: [u64; BOUNDS.len()],
    count: u64,
    sum: f64,
}

/// A family of series, as Prometheus has them.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerFamily {
    /// Its name.
    pub name: &'static str,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// What it counts.
    pub help: &'static str,
    /// Its series: what follows the name, labels, value.
    pub samples: Vec<WorkerSample>,
}

/// One series.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerSample {
    /// What is appended to the family's name: `_bucket`, `_sum`, `_count`, or nothing.
    pub suffix: &'static str,
    /// Its label, if it has one.
    pub label: Option<(&'static str, String)>,
    /// Its value.
    pub value: f64,
}

impl WorkerMetrics {
    pub(crate) fn add_messages(&self, fate: Fate, more: u64) {
        self.messages[fate as usize].fetch_add(more, Ordering::Relaxed);
    }

    /// Messages that came to `fate`.
    pub fn messages(&self, fate: Fate) -> u64 {
        self.messages[fate as usize].load(Ordering::Relaxed)
    }

    pub(crate) fn add_commit(&self, conflicts: u64) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.commit_conflicts.fetch_add(conflicts, Ordering::Relaxed);
    }

    pub(crate) fn add_extension_failures(&self, more: u64) {
        self.extension_failures.fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn add_leases_lost(&self, more: u64) {
        self.leases_lost.fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn add_swept(&self, more: u64) {
        self.swept.fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn set_oldest(&self, age: Duration) {
        let ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        self.oldest_ms.store(ms, Ordering::Relaxed);
    }

    pub(crate) fn set_depth(&self, depth: Option<Depth>) {
        *self.depth.lock().unwrap_or_else(PoisonError::into_inner) = depth;
    }

    pub(crate) fn observe_latency(&self, seconds: f64) {
        let mut latency = self.latency.lock().unwrap_or_else(PoisonError::into_inner);
        latency.count += 1;
        latency.sum += seconds;
        for (bound, count) in BOUNDS.iter().zip(&mut latency.counts) {
            *count += u64::from(seconds <= *bound);
        }
    }

    /// All families as they are now.
    pub fn families(&self) -> Vec<WorkerFamily> {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed) as f64;
        let one = |value: f64| vec![WorkerSample { suffix: "", label: None, value }];
        let counter = |name, help, value: f64| WorkerFamily {
            name,
            kind: "counter",
            help,
            samples: one(value),
        };
        let gauge = |name, help, value: f64| WorkerFamily {
            name,
            kind: "gauge",
            help,
            samples: one(value),
        };
        let fates = Fate::ALL.map(|fate| WorkerSample {
            suffix: "",
            label: Some(("outcome", fate.as_str().to_owned())),
            value: self.messages(fate) as f64,
        });
        let mut families = vec![
            WorkerFamily {
                name: "stagelight_worker_messages_total",
                kind: "counter",
                help: "Messages of the queue by what became of them.",
                samples: fates.to_vec(),
            },
            counter(
                "stagelight_worker_segments_total",
                "Segments that were read.",
                self.progress.segments() as f64,
            ),
            counter(
                "stagelight_worker_read_bytes_total",
                "Bytes of segments that were read, compressed.",
                self.progress.bytes() as f64,
            ),
            counter(
                "stagelight_worker_decoded_bytes_total",
                "Bytes of segments that were read, decompressed.",
                self.progress.bytes_uncompressed() as f64,
            ),
            counter(
                "stagelight_worker_events_total",
                "Events that were read.",
                self.progress.events() as f64,
            ),
            counter(
                "stagelight_worker_rows_total",
                "Rows that events have made.",
                self.progress.rows() as f64,
            ),
            counter(
                "stagelight_worker_quarantined_rows_total",
                "Rows that went to quarantine.",
                self.progress.quarantined() as f64,
            ),
            counter(
                "stagelight_worker_swept_segments_total",
                "Segments that a sweep has found and no event has announced.",
                load(&self.swept),
            ),
            counter(
                "stagelight_worker_commits_total",
                "Groups of segments that were committed.",
                load(&self.commits),
            ),
            counter(
                "stagelight_worker_commit_conflicts_total",
                "Commits to a table that another writer was faster than.",
                load(&self.commit_conflicts),
            ),
            counter(
                "stagelight_worker_extension_failures_total",
                "Requests to keep messages hidden that failed.",
                load(&self.extension_failures),
            ),
            counter(
                "stagelight_worker_leases_lost_total",
                "Messages that could not be kept hidden while they were worked on.",
                load(&self.leases_lost),
            ),
            gauge(
                "stagelight_worker_oldest_message_age_seconds",
                "Time since the message was received that is held longest.",
                load(&self.oldest_ms) / 1e3,
            ),
            self.latency(),
        ];
        let depth = *self.depth.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(depth) = depth {
            families.push(gauge(
                "stagelight_worker_queue_visible_messages",
                "Messages of the queue that could be received, about.",
                depth.visible as f64,
            ));
            families.push(gauge(
                "stagelight_worker_queue_in_flight_messages",
                "Messages of the queue that workers hold, about.",
                depth.in_flight as f64,
            ));
        }
        families
    }

    fn latency(&self) -> WorkerFamily {
        let latency = self.latency.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let bucket = |bound: String, count: u64| WorkerSample {
            suffix: "_bucket",
            label: Some(("le", bound)),
            value: count as f64,
        };
        let mut samples: Vec<WorkerSample> = BOUNDS
            .iter()
            .zip(latency.counts)
            .map(|(bound, count)| bucket(bound.to_string(), count))
            .collect();
        samples.push(bucket("+Inf".to_owned(), latency.count));
        samples.push(WorkerSample { suffix: "_sum", label: None, value: latency.sum });
        samples.push(WorkerSample { suffix: "_count", label: None, value: latency.count as f64 });
        WorkerFamily {
            name: "stagelight_worker_event_to_queryable_seconds",
            kind: "histogram",
            help: "Time from the event of an object to its rows being queryable.",
            samples,
        }
    }
}
