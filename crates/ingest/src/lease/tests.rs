use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;

use super::*;
use crate::queue::{Depth, Message, QueueError};

const VISIBILITY: Duration = Duration::from_secs(100);

/// Remembers what was to be extended.
#[derive(Debug, Default)]
struct Extensions {
    extended: Mutex<Vec<String>>,
    /// Receipts that are not good any more.
    gone: Vec<String>,
    fails: AtomicBool,
}

impl Extensions {
    fn take(&self) -> Vec<String> {
        let mut extended = std::mem::take(&mut *self.extended.lock().expect("no test panics"));
        extended.sort();
        extended
    }
}

#[async_trait]
impl Queue for Extensions {
    async fn receive(
        &self,
        _: usize,
        _: Duration,
        _: Duration,
    ) -> Result<Vec<Message>, QueueError> {
        Ok(Vec::new())
    }

    async fn extend(
        &self,
        receipts: &[String],
        visibility: Duration,
    ) -> Result<Vec<String>, QueueError> {
        assert_eq!(visibility, VISIBILITY);
        if self.fails.load(Ordering::Relaxed) {
            return Err(QueueError::Failed("the test says so".to_owned()));
        }
        self.extended.lock().expect("no test panics").extend_from_slice(receipts);
        Ok(receipts.iter().filter(|receipt| self.gone.contains(receipt)).cloned().collect())
    }

    async fn delete(&self, _: &[String]) -> Result<Vec<String>, QueueError> {
        Ok(Vec::new())
    }

    async fn send(&self, _: &[String]) -> Result<(), QueueError> {
        Ok(())
    }

    async fn depth(&self) -> Result<Option<Depth>, QueueError> {
        Ok(None)
    }
}

const HELD: Duration = Duration::from_secs(300);

/// Leases on `queue` that are extended when the test says so.
fn leases(queue: &Arc<Extensions>) -> (Leases, Arc<Shared>) {
    let shared = Arc::new(Shared {
        queue: Arc::clone(queue) as _,
        visibility: VISIBILITY,
        held_at_most: HELD,
        held: Mutex::default(),
        metrics: Arc::default(),
    });
    let (_, lost) = mpsc::unbounded_channel();
    let extending = AbortOnDropHandle::new(tokio::spawn(std::future::pending()));
    (Leases { shared: Arc::clone(&shared), lost, _extending: extending }, shared)
}

fn ago(seconds: u64) -> Instant {
    Instant::now().checked_sub(Duration::from_secs(seconds)).expect("the machine is up for longer")
}

#[tokio::test]
async fn what_has_half_of_its_visibility_left_is_extended() {
    let queue = Arc::new(Extensions::default());
    let (leases, shared) = leases(&queue);
    let _young = leases.hold("young".to_owned(), ago(40));
    let _old = leases.hold("old".to_owned(), ago(60));
    assert!(shared.extend().await.is_empty());
    assert_eq!(queue.take(), ["old"]);
    assert!(shared.extend().await.is_empty());
    assert!(queue.take().is_empty(), "it has its whole visibility again");
}

#[tokio::test]
async fn what_is_dropped_is_not_extended() {
    let queue = Arc::new(Extensions::default());
    let (leases, shared) = leases(&queue);
    let lease = leases.hold("dropped".to_owned(), ago(60));
    assert_eq!(lease.receipt().as_deref(), Some("dropped"));
    drop(lease);
    assert!(shared.extend().await.is_empty());
    assert!(queue.take().is_empty());
    assert_eq!(leases.oldest(), None);
}

#[tokio::test]
async fn what_is_somebody_elses_is_lost() {
    let queue = Arc::new(Extensions { gone: vec!["gone".to_owned()], ..Extensions::default() });
    let (leases, shared) = leases(&queue);
    let gone = leases.hold("gone".to_owned(), ago(60));
    let _good = leases.hold("good".to_owned(), ago(60));
    assert_eq!(shared.extend().await, [gone.number()]);
}

#[tokio::test]
async fn what_cannot_be_extended_is_lost_before_its_visibility_ends() {
    let queue = Arc::new(Extensions::default());
    let (leases, shared) = leases(&queue);
    queue.fails.store(true, Ordering::Relaxed);
    let half = leases.hold("half".to_owned(), ago(60));
    let late = leases.hold("late".to_owned(), ago(95));
    assert_eq!(shared.extend().await, [late.number()]);
    queue.fails.store(false, Ordering::Relaxed);
    drop(late);
    assert!(shared.extend().await.is_empty());
    assert_eq!(queue.take(), ["half"]);
    drop(half);
}

/// SQS shows a message to others when its time is over, whatever was extended.
#[tokio::test]
async fn what_was_held_for_too_long_is_lost() {
    let queue = Arc::new(Extensions::default());
    let (leases, shared) = leases(&queue);
    let lease = leases.hold("long".to_owned(), ago(210));
    let left = |part: u32| {
        let mut held = shared.held();
        let term = held.leases.get_mut(&lease.number()).expect("it is held");
        term.until = Instant::now() + VISIBILITY / part;
    };
    left(4);
    assert!(shared.extend().await.is_empty());
    assert!(queue.take().is_empty(), "it would be no use");
    left(20);
    assert_eq!(shared.extend().await, [lease.number()]);
}
