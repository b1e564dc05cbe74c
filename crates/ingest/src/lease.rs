//! Messages that are held: hidden from others for as long as somebody works on them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::task::AbortOnDropHandle;

use crate::queue::Queue;
use crate::worker_metrics::WorkerMetrics;

/// SQS hides a message no longer than this after it was received, however often that is extended.
const HELD_AT_MOST: Duration = Duration::from_secs(12 * 60 * 60);
/// So often in the time of one visibility it is looked which leases are to be extended.
const LOOKS: u32 = 10;
/// A lease is not counted on any more when so much of its visibility is left.
const MARGIN: u32 = 10;

/// The leases of a worker.
pub(crate) struct Leases {
    shared: Arc<Shared>,
    /// Leases that are lost, by number.
    lost: mpsc::UnboundedReceiver<u64>,
    _extending: AbortOnDropHandle<()>,
}

/// Keeps a message hidden until it is dropped.
pub(crate) struct Lease {
    number: u64,
    shared: Arc<Shared>,
}

struct Shared {
    queue: Arc<dyn Queue>,
    visibility: Duration,
    /// A message is hidden no longer than this after it was received.
    held_at_most: Duration,
    held: Mutex<Held>,
    metrics: Arc<WorkerMetrics>,
}

#[derive(Default)]
struct Held {
    next: u64,
    leases: HashMap<u64, Term>,
}

struct Term {
    receipt: String,
    /// When it came.
    came: Instant,
    /// It was hidden no earlier than this.
    received: Instant,
    until: Instant,
}

impl Leases {
    /// Leases on messages of `queue`, which hides them for `visibility` at a time.
    pub(crate) fn new(
        queue: Arc<dyn Queue>,
        visibility: Duration,
        metrics: Arc<WorkerMetrics>,
    ) -> Self {
        let held_at_most = HELD_AT_MOST;
        let shared =
            Arc::new(Shared { queue, visibility, held_at_most, held: Mutex::default(), metrics });
        let (sender, lost) = mpsc::unbounded_channel();
        let extending = tokio::spawn(Arc::clone(&shared).keep_extended(sender));
        Self { shared, lost, _extending: AbortOnDropHandle::new(extending) }
    }

    /// Holds the message of `receipt`, which was received after `since`.
    pub(crate) fn hold(&self, receipt: String, since: Instant) -> Lease {
        let mut held = self.shared.held();
        let number = held.next;
        held.next += 1;
        let until = since + self.shared.visibility;
        held.leases.insert(number, Term { receipt, came: Instant::now(), received: since, until });
        Lease { number, shared: Arc::clone(&self.shared) }
    }

    /// The number of the next lease that is lost: its message may be somebody else's by now.
    pub(crate) async fn lost(&mut self) -> u64 {
        match self.lost.recv().await {
            Some(number) => number,
            // The task that extends ends with this.
            None => std::future::pending().await,
        }
    }

    /// When the message came that has been held longest.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        self.shared.held().leases.values().map(|term| term.came).min()
    }
}

impl Lease {
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// What deletes the message, or shows it.
    pub(crate) fn receipt(&self) -> Option<String> {
        Some(self.shared.held().leases.get(&self.number)?.receipt.clone())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.shared.held().leases.remove(&self.number);
    }
}

impl Shared {
    fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn keep_extended(self: Arc<Self>, lost: mpsc::UnboundedSender<u64>) {
        let mut looks = tokio::time::interval(self.visibility / LOOKS);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            for number in self.extend().await {
                self.held().leases.remove(&number);
                self.metrics.add_leases_lost(1);
                if lost.send(number).is_err() {
                    return;
                }
            }
        }
    }

    /// Extends what has no more than half of its visibility left, and tells what is lost.
    async fn extend(&self) -> Vec<u64> {
        let now = Instant::now();
        let due: HashMap<String, u64> = {
            let held = self.held();
            let due = held.leases.iter().filter(|(_, term)| {
                term.until < now + self.visibility / 2
                    && now < term.received + self.held_at_most - self.visibility
            });
            due.map(|(number, term)| (term.receipt.clone(), *number)).collect()
        };
        let mut lost = Vec::new();
        if !due.is_empty() {
            let receipts: Vec<String> = due.keys().cloned().collect();
            match self.queue.extend(&receipts, self.visibility).await {
                Ok(gone) => {
                    lost.extend(gone.iter().filter_map(|receipt| due.get(receipt).copied()));
                    let mut held = self.held();
                    for number in due.into_values() {
                        if let Some(term) = held.leases.get_mut(&number) {
                            term.until = now + self.visibility;
                        }
                    }
                }
                Err(error) => {
                    self.metrics.add_extension_failures(1);
                    tracing::warn!(%error, messages = due.len(), "visibility was not extended");
                }
            }
        }
        let late = Instant::now() + self.visibility / MARGIN;
        let held = self.held();
        lost.extend(held.leases.iter().filter(|(_, term)| term.until < late).map(|(n, _)| *n));
        lost
    }
}

#[cfg(test)]
mod tests;
