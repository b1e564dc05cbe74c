//! What following a folder counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::metrics::{Family, Histogram, Metrics};
use crate::report::Progress;

/// What following a folder counts, and others read while it goes on.
#[derive(Debug, Default)]
pub struct WatchMetrics {
    /// Of segments that were read; one that grows is read again and again.
    pub progress: Arc<Progress>,
    sweeps: AtomicU64,
    swept: AtomicU64,
    commits: AtomicU64,
    commit_conflicts: AtomicU64,
    latency: Histogram,
}

impl WatchMetrics {
    pub(crate) fn add_sweep(&self, found: u64) {
        self.sweeps.fetch_add(1, Ordering::Relaxed);
        self.swept.fetch_add(found, Ordering::Relaxed);
    }

    pub(crate) fn add_commit(&self, conflicts: u64) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.commit_conflicts.fetch_add(conflicts, Ordering::Relaxed);
    }

    pub(crate) fn observe_latency(&self, seconds: f64) {
        self.latency.observe(seconds);
    }
}

impl Metrics for WatchMetrics {
    fn families(&self) -> Vec<Family> {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let names = [
            "stagelight_watch_segments_total",
            "stagelight_watch_read_bytes_total",
            "stagelight_watch_decoded_bytes_total",
            "stagelight_watch_events_total",
            "stagelight_watch_rows_total",
            "stagelight_watch_quarantined_rows_total",
        ];
        let mut families = Family::of_progress(names, &self.progress).to_vec();
        families.extend([
            Family::counter(
                "stagelight_watch_sweeps_total",
                "How often the whole folder was looked at.",
                load(&self.sweeps),
            ),
            Family::counter(
                "stagelight_watch_swept_places_total",
                "Files and rolling logs that a sweep has found changed and no event has told of.",
                load(&self.swept),
            ),
            Family::counter(
                "stagelight_watch_commits_total",
                "Groups of segments that were committed.",
                load(&self.commits),
            ),
            Family::counter(
                "stagelight_watch_commit_conflicts_total",
                "Commits to a table that another writer was faster than.",
                load(&self.commit_conflicts),
            ),
            self.latency.family(
                "stagelight_watch_modified_to_queryable_seconds",
                "Time from the change of a file to its rows being queryable.",
            ),
        ]);
        families
    }
}
