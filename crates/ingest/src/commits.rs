//! Groups of segments on their way into the lake, one after another.

use std::sync::Arc;
use std::time::Duration;

use stagelight_lake::{Committed, Ingested, Lake, LakeError};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::group::{Group, GroupLimits};
use crate::health::Health;
use crate::retry;

/// Who meets other writers commits less often, and more at once: the next commit begins after about so
/// many times what the last one took.
const REST: f64 = 2.0;

/// A group that is filled, and one that is committed; `T` is what those who wait know a segment by.
pub(crate) struct Commits<T> {
    lake: Arc<Lake>,
    health: Arc<Health>,
    group: Group,
    /// Of the segments of the group that somebody waits for.
    waited_for: Vec<T>,
    running: Option<JoinHandle<Commit<T>>>,
    /// The next commit does not begin before that.
    rests: Instant,
}

/// What became of a group.
pub(crate) struct Commit<T> {
    /// Its segments that somebody waits for.
    pub(crate) waited_for: Vec<T>,
    pub(crate) took: Duration,
    pub(crate) result: Result<Committed, LakeError>,
}

impl<T: Send + 'static> Commits<T> {
    pub(crate) fn new(lake: Arc<Lake>, limits: GroupLimits, health: Arc<Health>) -> Self {
        Self {
            lake,
            health,
            group: Group::new(limits),
            waited_for: Vec::new(),
            running: None,
            rests: Instant::now(),
        }
    }

    /// Whether the group can take more. It cannot where it is large and cannot be committed yet.
    pub(crate) fn has_room(&self) -> bool {
        !self.group.is_large() || self.running.is_none() && self.rests <= Instant::now()
    }

    /// Puts a segment into the group, for whom there may be who waits for it.
    pub(crate) fn push(&mut self, segment: Ingested, waited_for: Option<T>) {
        self.waited_for.extend(waited_for);
        self.group.push(segment);
    }

    /// Whether nothing is left to be done.
    pub(crate) fn is_done(&self) -> bool {
        self.running.is_none() && self.group.is_empty()
    }

    /// When the group is to be committed at the latest, where that can begin.
    pub(crate) fn due(&self) -> Option<Instant> {
        let due = self.group.due().filter(|_| self.running.is_none())?;
        Some(if self.group.is_large() { self.rests } else { due.max(self.rests) })
    }

    /// Begins to commit the group if it is full, or has anything and nothing more `is_expected`. That
    /// goes on for as long as an outage of the lake takes.
    pub(crate) fn begin_if_ready(&mut self, is_expected: bool) {
        let is_rested = !is_expected || self.rests <= Instant::now();
        let is_ready =
            is_rested && (self.group.is_full() || !is_expected && !self.group.is_empty());
        if self.running.is_some() || !is_ready {
            return;
        }
        let group = self.group.take();
        let waited_for = std::mem::take(&mut self.waited_for);
        let (lake, health) = (Arc::clone(&self.lake), Arc::clone(&self.health));
        self.running = Some(tokio::spawn(async move {
            let began = Instant::now();
            let commit = || lake.commit(group.clone());
            let failed = |error: &LakeError| health.bad("commit", error);
            let result = retry::lake_through_outages(commit, failed).await;
            match &result {
                Ok(_) => health.good("commit"),
                Err(error) => failed(error),
            }
            Commit { waited_for, took: began.elapsed(), result }
        }));
    }

    /// What the commit under way comes to, `None` where it has panicked. Waits for as long as there
    /// is none. Nothing is lost when this is dropped.
    pub(crate) async fn next(&mut self) -> Option<Commit<T>> {
        let Some(running) = &mut self.running else { return std::future::pending().await };
        let commit = running.await.ok();
        self.running = None;
        let met_others = |done: &&Commit<T>| done.result.as_ref().is_ok_and(|it| it.conflicts > 0);
        if let Some(done) = commit.as_ref().filter(met_others) {
            self.rests = Instant::now() + done.took.mul_f64(REST * (0.75 + fastrand::f64() / 2.0));
        }
        commit
    }
}
