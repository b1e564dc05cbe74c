//! A queue and a bucket in memory, which behave as SQS and S3 say that they do.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::DateTime;
use fastrand::Rng;
use stagelight_ingest::{
    Address, Depth, Message, Object, ObjectError, Objects, Page, Part, Queue, QueueError,
};

/// A queue whose clock goes only when it is told to.
#[derive(Debug)]
pub(crate) struct MemoryQueue(Mutex<State>);

#[derive(Debug)]
struct State {
    now: Duration,
    next: u64,
    messages: Vec<Entry>,
    /// One message of so many is handed out although somebody has it; none for zero.
    twice: usize,
    random: Rng,
}

#[derive(Debug)]
struct Entry {
    id: String,
    body: String,
    visible_at: Duration,
    receives: u32,
    receipt: String,
}

impl MemoryQueue {
    pub(crate) fn new(twice: usize, seed: u64) -> Self {
        let random = Rng::with_seed(seed);
        let state = State { now: Duration::ZERO, next: 0, messages: Vec::new(), twice, random };
        Self(Mutex::new(state))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().expect("no test panics with it")
    }

    /// Lets time pass.
    pub(crate) fn advance(&self, time: Duration) {
        self.state().now += time;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.state().messages.is_empty()
    }

    pub(crate) fn put(&self, bodies: &[String]) {
        let mut state = self.state();
        for body in bodies {
            state.next += 1;
            let entry = Entry {
                id: format!("m{}", state.next),
                body: body.clone(),
                visible_at: state.now,
                receives: 0,
                receipt: String::new(),
            };
            state.messages.push(entry);
        }
    }

    fn hand_out(&self, at_most: usize, visibility: Duration) -> Vec<Message> {
        let state = &mut *self.state();
        let now = state.now;
        state.random.shuffle(&mut state.messages);
        let mut handed = Vec::new();
        for entry in &mut state.messages {
            let twice = state.twice > 0 && state.random.usize(..state.twice) == 0;
            if handed.len() < at_most && (entry.visible_at <= now || twice) {
                state.next += 1;
                entry.receives += 1;
                entry.visible_at = now + visibility;
                entry.receipt = format!("r{}", state.next);
                handed.push(Message {
                    id: entry.id.clone(),
                    receipt: entry.receipt.clone(),
                    body: entry.body.clone(),
                    receives: entry.receives,
                    sent: None,
                });
            }
        }
        handed
    }
}

#[async_trait]
impl Queue for MemoryQueue {
    async fn receive(
        &self,
        at_most: usize,
        visibility: Duration,
        _: Duration,
    ) -> Result<Vec<Message>, QueueError> {
        for _ in 0..10 {
            let messages = self.hand_out(at_most, visibility);
            if !messages.is_empty() {
                return Ok(messages);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(Vec::new())
    }

    async fn extend(
        &self,
        receipts: &[String],
        visibility: Duration,
    ) -> Result<Vec<String>, QueueError> {
        let state = &mut *self.state();
        let mut gone = Vec::new();
        for receipt in receipts {
            let held =
                |entry: &&mut Entry| entry.receipt == *receipt && entry.visible_at > state.now;
            match state.messages.iter_mut().find(held) {
                Some(entry) => entry.visible_at = state.now + visibility,
                None => gone.push(receipt.clone()),
            }
        }
        Ok(gone)
    }

    /// As with SQS, only the last receipt is sure to delete, and another is no error.
    async fn delete(&self, receipts: &[String]) -> Result<Vec<String>, QueueError> {
        self.state().messages.retain(|entry| !receipts.contains(&entry.receipt));
        Ok(Vec::new())
    }

    async fn send(&self, bodies: &[String]) -> Result<(), QueueError> {
        self.put(bodies);
        Ok(())
    }

    async fn depth(&self) -> Result<Option<Depth>, QueueError> {
        let state = self.state();
        let (visible, held): (Vec<_>, Vec<_>) =
            state.messages.iter().partition(|entry| entry.visible_at <= state.now);
        Ok(Some(Depth { visible: visible.len() as u64, in_flight: held.len() as u64 }))
    }
}

/// A bucket called `logs`.
#[derive(Debug, Default)]
pub(crate) struct MemoryBucket {
    objects: Mutex<BTreeMap<String, (Object, Bytes)>>,
    /// Keys of objects that cannot be deleted.
    locked: Mutex<HashSet<String>>,
}

impl MemoryBucket {
    /// Puts `bytes` under `key`, at `second` of 1970, and gives the message that tells of it.
    pub(crate) fn put(&self, key: &str, bytes: Vec<u8>, second: i64) -> String {
        let object = Object {
            address: Address { bucket: "logs".into(), key: key.into() },
            etag: format!("{second:x}-{:x}", bytes.len()),
            size: bytes.len() as u64,
            modified: DateTime::from_timestamp(second, 0).expect("a time"),
        };
        let message = serde_json::json!({ "Records": [{
            "eventVersion": "2.1", "eventName": "ObjectCreated:Put", "eventTime": object.modified,
            "s3": {
                "bucket": { "name": "logs" },
                "object": { "key": key, "size": object.size, "eTag": object.etag },
            },
        }] });
        let mut objects = self.objects.lock().expect("no test panics with it");
        objects.insert(key.to_owned(), (object, bytes.into()));
        message.to_string()
    }

    /// From now on the object under `key` cannot be deleted.
    pub(crate) fn lock(&self, key: &str) {
        self.locked.lock().expect("no test panics with it").insert(key.to_owned());
    }

    fn find(&self, address: &Address) -> Result<(Object, Bytes), ObjectError> {
        let objects = self.objects.lock().expect("no test panics with it");
        objects.get(&address.key).cloned().ok_or(ObjectError::Gone)
    }
}

#[async_trait]
impl Objects for MemoryBucket {
    async fn head(&self, address: &Address) -> Result<Object, ObjectError> {
        Ok(self.find(address)?.0)
    }

    async fn get(
        &self,
        address: &Address,
        etag: Option<&str>,
        range: Range<u64>,
    ) -> Result<Part, ObjectError> {
        let (object, bytes) = self.find(address)?;
        if etag.is_some_and(|etag| etag != object.etag) {
            return Err(ObjectError::Changed);
        }
        let at = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).min(bytes.len());
        Ok(Part { bytes: bytes.slice(at(range.start)..at(range.end)), object })
    }

    async fn list(&self, prefix: &Address, _: Option<&str>) -> Result<Page, ObjectError> {
        let objects = self.objects.lock().expect("no test panics with it");
        let found = objects.values().map(|(object, _)| object);
        let under = found.filter(|object| object.address.key.starts_with(&prefix.key));
        Ok(Page { objects: under.cloned().collect(), next: None })
    }

    async fn delete(&self, object: &Object) -> Result<(), ObjectError> {
        if self.find(&object.address)?.0.etag != object.etag {
            return Err(ObjectError::Changed);
        }
        if self.locked.lock().expect("no test panics with it").contains(&object.address.key) {
            return Err(ObjectError::Refused("it is locked".to_owned()));
        }
        self.objects.lock().expect("no test panics with it").remove(&object.address.key);
        Ok(())
    }
}

/// A bucket that lists and never gives.
#[derive(Debug)]
pub(crate) struct StuckBucket(pub(crate) Arc<MemoryBucket>);

#[async_trait]
impl Objects for StuckBucket {
    async fn head(&self, address: &Address) -> Result<Object, ObjectError> {
        self.0.head(address).await
    }

    async fn get(&self, _: &Address, _: Option<&str>, _: Range<u64>) -> Result<Part, ObjectError> {
        std::future::pending().await
    }

    async fn list(&self, prefix: &Address, page: Option<&str>) -> Result<Page, ObjectError> {
        self.0.list(prefix, page).await
    }

    async fn delete(&self, object: &Object) -> Result<(), ObjectError> {
        self.0.delete(object).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VISIBILITY: Duration = Duration::from_secs(30);

    async fn received(queue: &MemoryQueue) -> Vec<Message> {
        queue.receive(10, VISIBILITY, Duration::ZERO).await.expect("messages")
    }

    #[tokio::test]
    async fn what_is_not_deleted_comes_again() {
        let queue = MemoryQueue::new(0, 1);
        queue.put(&["a".to_owned()]);
        let first = received(&queue).await.remove(0);
        assert_eq!((first.body.as_str(), first.receives), ("a", 1));
        assert!(received(&queue).await.is_empty(), "it is hidden");
        queue.advance(VISIBILITY);
        let second = received(&queue).await.remove(0);
        assert_eq!((&second.id, second.receives), (&first.id, 2));
        assert_ne!(second.receipt, first.receipt);

        // The first receipt is good for nothing any more.
        let stale = [first.receipt];
        assert_eq!(queue.extend(&stale, VISIBILITY).await, Ok(stale.to_vec()));
        queue.delete(&stale).await.expect("no error");
        assert!(!queue.is_empty());
        queue.delete(&[second.receipt]).await.expect("no error");
        assert!(queue.is_empty());
    }

    #[tokio::test]
    async fn what_is_extended_stays_hidden() {
        let queue = MemoryQueue::new(0, 1);
        queue.put(&["a".to_owned()]);
        let receipt = [received(&queue).await.remove(0).receipt];
        queue.advance(VISIBILITY / 2);
        assert_eq!(queue.extend(&receipt, VISIBILITY).await, Ok(vec![]));
        queue.advance(VISIBILITY / 2);
        assert!(received(&queue).await.is_empty(), "it is hidden");
        assert_eq!(queue.extend(&receipt, Duration::ZERO).await, Ok(vec![]));
        assert_eq!(received(&queue).await.len(), 1, "it is shown at once");
    }

    #[tokio::test]
    async fn some_come_twice_and_in_any_order() {
        let queue = MemoryQueue::new(3, 1);
        let bodies: Vec<String> = (0..9).map(|n| n.to_string()).collect();
        queue.put(&bodies);
        let first: Vec<String> =
            received(&queue).await.into_iter().map(|message| message.body).collect();
        assert_ne!(first, bodies);
        let again = received(&queue).await.len();
        assert!(again > 0 && again < 9, "{again} came twice");
    }
}
