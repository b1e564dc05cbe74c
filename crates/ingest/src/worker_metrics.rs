//! What a worker counts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use crate::metrics::{Family, Histogram, Metrics, Sample};
use crate::queue::Depth;
use crate::report::Progress;

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
    oldest: Mutex<Option<Instant>>,
    depth: Mutex<Option<Depth>>,
    latency: Histogram,
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

    pub(crate) fn set_oldest(&self, came: Option<Instant>) {
        *self.oldest.lock().unwrap_or_else(PoisonError::into_inner) = came;
    }

    pub(crate) fn set_depth(&self, depth: Option<Depth>) {
        *self.depth.lock().unwrap_or_else(PoisonError::into_inner) = depth;
    }

    pub(crate) fn observe_latency(&self, seconds: f64) {
        self.latency.observe(seconds);
    }
}

impl Metrics for WorkerMetrics {
    fn families(&self) -> Vec<Family> {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let oldest = *self.oldest.lock().unwrap_or_else(PoisonError::into_inner);
        let fates = Fate::ALL.map(|fate| Sample {
            suffix: "",
            label: Some(("outcome", fate.as_str().to_owned())),
            value: self.messages(fate) as f64,
        });
        let names = [
            "stagelight_worker_segments_total",
            "stagelight_worker_read_bytes_total",
            "stagelight_worker_decoded_bytes_total",
            "stagelight_worker_events_total",
            "stagelight_worker_rows_total",
            "stagelight_worker_quarantined_rows_total",
        ];
        let mut families = vec![Family {
            name: "stagelight_worker_messages_total",
            kind: "counter",
            help: "Messages of the queue by what became of them.",
            samples: fates.to_vec(),
        }];
        families.extend(Family::of_progress(names, &self.progress));
        families.extend([
            Family::counter(
                "stagelight_worker_swept_segments_total",
                "Segments that a sweep has found and no event has announced.",
                load(&self.swept),
            ),
            Family::counter(
                "stagelight_worker_commits_total",
                "Groups of segments that were committed.",
                load(&self.commits),
            ),
            Family::counter(
                "stagelight_worker_commit_conflicts_total",
                "Commits to a table that another writer was faster than.",
                load(&self.commit_conflicts),
            ),
            Family::counter(
                "stagelight_worker_extension_failures_total",
                "Requests to keep messages hidden that failed.",
                load(&self.extension_failures),
            ),
            Family::counter(
                "stagelight_worker_leases_lost_total",
                "Messages that could not be kept hidden while they were worked on.",
                load(&self.leases_lost),
            ),
            Family::gauge(
                "stagelight_worker_oldest_message_age_seconds",
                "Time since the message was received that is held longest.",
                oldest.map_or(0.0, |came| came.elapsed().as_secs_f64()),
            ),
            self.latency.family(
                "stagelight_worker_event_to_queryable_seconds",
                "Time from the event of an object to its rows being queryable.",
            ),
        ]);
        let depth = *self.depth.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(depth) = depth {
            families.push(Family::gauge(
                "stagelight_worker_queue_visible_messages",
                "Messages of the queue that could be received, about.",
                depth.visible as f64,
            ));
            families.push(Family::gauge(
                "stagelight_worker_queue_in_flight_messages",
                "Messages of the queue that workers hold, about.",
                depth.in_flight as f64,
            ));
        }
        families
    }
}
