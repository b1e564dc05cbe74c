//! Messages that a worker holds: which segments they wait for, and what becomes of them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use stagelight_lake::SourceId;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use crate::lease::Lease;
use crate::queue::Queue;
use crate::retry;
use crate::worker_metrics::{Fate, WorkerMetrics};

/// It is tried so often to delete messages.
const DELETE_ATTEMPTS: u32 = 8;
/// A message that is given back is shown again after so long at most.
const GIVEN_BACK_AT_MOST: Duration = Duration::from_secs(15 * 60);
/// Whatever is left of the time for stopping, the queue is told for so long.
const FAREWELL: Duration = Duration::from_secs(1);

/// A message that is held.
pub(super) struct Held {
    lease: Lease,
    /// The queue's own id of it.
    pub(super) id: String,
    /// How often it was received.
    pub(super) receives: u32,
    /// Its segments that nothing has become of yet.
    left: usize,
    /// What has become of the others.
    pub(super) fate: Fate,
    /// When the first of its objects was put there.
    pub(super) event: Option<DateTime<Utc>>,
}

impl Held {
    pub(super) fn new(lease: Lease, id: String, receives: u32) -> Self {
        Self { lease, id, receives, left: 0, fate: Fate::Ignored, event: None }
    }

    pub(super) fn number(&self) -> u64 {
        self.lease.number()
    }
}

/// Who waits for a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiter {
    /// The message of that number.
    Message(u64),
    /// Nobody has announced it: a sweep has found it.
    Sweep,
}

/// The messages of a worker.
pub(super) struct Messages {
    queue: Arc<dyn Queue>,
    metrics: Arc<WorkerMetrics>,
    /// By the number of its lease.
    held: HashMap<u64, Held>,
    waiting: HashMap<SourceId, Vec<Waiter>>,
    /// Those that are to be deleted.
    decided: Vec<Lease>,
    /// Deletes messages, and gives them back.
    background: JoinSet<()>,
}

impl Messages {
    pub(super) fn new(queue: Arc<dyn Queue>, metrics: Arc<WorkerMetrics>) -> Self {
        Self {
            queue,
            metrics,
            held: HashMap::new(),
            waiting: HashMap::new(),
            decided: Vec::new(),
            background: JoinSet::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    /// Holds a message that so many segments are to be read for.
    pub(super) fn hold(&mut self, held: Held, segments: usize) {
        let number = held.number();
        self.held.insert(number, Held { left: segments, ..held });
        if segments == 0 {
            self.decide(number);
        }
    }

    /// Notes that `waiter` waits for `source`; tells whether it is the first to do so.
    pub(super) fn wait(&mut self, source: &SourceId, waiter: Waiter) -> bool {
        let waiting = self.waiting.entry(source.clone()).or_default();
        waiting.push(waiter);
        waiting.len() == 1
    }

    /// How often the messages were received that wait for `source`.
    pub(super) fn receives(&self, source: &SourceId) -> u32 {
        let waiting = self.waiting.get(source).into_iter().flatten();
        let receives = waiting.filter_map(|waiter| match waiter {
            Waiter::Message(number) => Some(self.held.get(number)?.receives),
            Waiter::Sweep => None,
        });
        receives.max().unwrap_or(0)
    }

    /// Notes that `fate` has become of `source`, for all messages that wait for it.
    pub(super) fn resolve(&mut self, source: &SourceId, fate: Fate) {
        for number in self.no_more_waiting(source) {
            let Some(held) = self.held.get_mut(&number) else { continue };
            held.fate = held.fate.max(fate);
            held.left -= 1;
            if held.left == 0 {
                self.decide(number);
            }
        }
    }

    /// A message of which everything is decided is to be deleted.
    fn decide(&mut self, number: u64) {
        let Some(held) = self.held.remove(&number) else { return };
        self.metrics.add_messages(held.fate, 1);
        if let (Fate::Committed, Some(event)) = (held.fate, held.event) {
            let seconds = (Utc::now() - event).as_seconds_f64();
            self.metrics.observe_latency(seconds.max(0.0));
        }
        self.decided.push(held.lease);
    }

    /// Deletes the messages of which everything is decided.
    pub(super) fn acknowledge(&mut self) {
        while self.background.try_join_next().is_some() {}
        if self.decided.is_empty() {
            return;
        }
        let leases = std::mem::take(&mut self.decided);
        let queue = Arc::clone(&self.queue);
        self.background.spawn(async move {
            let mut receipts: Vec<String> = leases.iter().filter_map(Lease::receipt).collect();
            for failures in 1..=DELETE_ATTEMPTS {
                match queue.delete(&receipts).await {
                    Ok(left) if left.is_empty() => return,
                    Ok(left) => receipts = left,
                    Err(error) => tracing::debug!(%error, "messages were not deleted"),
                }
                sleep(retry::pause(failures)).await;
            }
            // They come again, and the ledger has them.
            tracing::warn!(messages = receipts.len(), "messages were not deleted");
        });
    }

    /// Gives back to the queue the messages that wait for `source`: later, the oftener they came.
    /// Tells which segments nobody waits for any more.
    pub(super) fn give_back(&mut self, source: &SourceId) -> Vec<SourceId> {
        let mut unwanted = Vec::new();
        for number in self.no_more_waiting(source) {
            let Some(held) = self.held.remove(&number) else { continue };
            self.metrics.add_messages(Fate::GivenBack, 1);
            let longest = Duration::from_secs(1 << held.receives.min(10)).min(GIVEN_BACK_AT_MOST);
            let after = longest.mul_f64(0.5 + fastrand::f64() / 2.0);
            let queue = Arc::clone(&self.queue);
            self.background.spawn(async move {
                let Some(receipt) = held.lease.receipt() else { return };
                if let Err(error) = queue.extend(&[receipt], after).await {
                    // It comes again when its visibility ends.
                    tracing::debug!(message_id = held.id, %error, "it was not given back");
                }
            });
            unwanted.extend(self.drop_interest(number));
        }
        unwanted
    }

    /// Forgets a message whose lease is lost: somebody else may have it by now. Tells which segments
    /// nobody waits for any more.
    pub(super) fn forget(&mut self, number: u64) -> Vec<SourceId> {
        let Some(held) = self.held.remove(&number) else { return Vec::new() };
        tracing::warn!(message_id = held.id, "its lease is lost");
        self.metrics.add_messages(Fate::Lost, 1);
        self.drop_interest(number)
    }

    /// The messages that wait for `source`, which nobody waits for from now on.
    fn no_more_waiting(&mut self, source: &SourceId) -> Vec<u64> {
        let waiting = self.waiting.remove(source).into_iter().flatten();
        let messages = waiting.filter_map(|waiter| match waiter {
            Waiter::Message(number) => Some(number),
            Waiter::Sweep => None,
        });
        messages.collect()
    }

    /// Lets message `number` wait for nothing more; tells which segments only it has waited for.
    fn drop_interest(&mut self, number: u64) -> Vec<SourceId> {
        let mut unwanted = Vec::new();
        self.waiting.retain(|source, waiting| {
            waiting.retain(|waiter| *waiter != Waiter::Message(number));
            if waiting.is_empty() {
                unwanted.push(source.clone());
            }
            !waiting.is_empty()
        });
        unwanted
    }

    /// Deletes what is decided, and shows everything else to others at once, as it does the messages
    /// of `last`, receipts of what has just been received.
    pub(super) async fn give_all_back(mut self, last: Vec<String>, until: Instant) {
        self.acknowledge();
        let until = until.max(Instant::now() + FAREWELL);
        let held = self.held.values().filter_map(|held| held.lease.receipt());
        let receipts: Vec<String> = held.chain(last).collect();
        if !receipts.is_empty() {
            self.metrics.add_messages(Fate::GivenBack, receipts.len() as u64);
            match timeout_at(until, self.queue.extend(&receipts, Duration::ZERO)).await {
                Ok(Ok(_)) => {}
                // They come again when their visibility ends.
                Ok(Err(error)) => tracing::warn!(%error, "messages were not given back"),
                Err(_) => tracing::warn!("messages were not given back in time"),
            }
        }
        let until = until.max(Instant::now() + FAREWELL);
        let acknowledged = async { while self.background.join_next().await.is_some() {} };
        if timeout_at(until, acknowledged).await.is_err() {
            tracing::warn!("messages were not deleted in time");
        }
    }
}
