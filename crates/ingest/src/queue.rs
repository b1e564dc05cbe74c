//! A queue of messages that come at least once.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use thiserror::Error;

/// A message that was handed out, and is nobody else's until its visibility ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The queue's own id of it, the same each time that it is handed out.
    pub id: String,
    /// What extends or deletes it; another one each time.
    pub receipt: String,
    /// What it says.
    pub body: String,
    /// How often it was handed out, this time included.
    pub receives: u32,
    /// When it was sent, where the queue says so.
    pub sent: Option<DateTime<Utc>>,
}

/// How much waits in a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// Messages that could be handed out.
    pub visible: u64,
    /// Messages that are handed out.
    pub in_flight: u64,
}

/// Why a queue did not do something, and so what is to be done about it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum QueueError {
    /// It may go better in a moment.
    #[error("{0}")]
    Failed(String),
    /// It will not, before somebody changes something: there is no such queue, or no right.
    #[error("{0}")]
    Fatal(String),
}

/// A queue, as SQS is one.
///
/// A message that was received is hidden for as long as its visibility lasts. It is handed out again
/// after that, with another receipt, and as often as it is not deleted. It can come twice for no
/// reason, and in any order. Extending and deleting can fail for some messages and not for others:
/// these are given back.
#[async_trait]
pub trait Queue: fmt::Debug + Send + Sync + 'static {
    /// At most `at_most` messages, once there are any; none, if there were none for as long as
    /// `wait`, or as the queue cares to wait. They are hidden for `visibility`.
    async fn receive(
        &self,
        at_most: usize,
        visibility: Duration,
        wait: Duration,
    ) -> Result<Vec<Message>, QueueError>;

    /// Hides the messages of `receipts` for `visibility` from now; with none, shows them at once.
    /// Gives back the receipts that are not good any more; an error says nothing of any.
    async fn extend(
        &self,
        receipts: &[String],
        visibility: Duration,
    ) -> Result<Vec<String>, QueueError>;

    /// Deletes the messages of `receipts`. Gives back those that are not deleted.
    async fn delete(&self, receipts: &[String]) -> Result<Vec<String>, QueueError>;

    /// Puts a message into the queue for each of `bodies`.
    async fn send(&self, bodies: &[String]) -> Result<(), QueueError>;

    /// How much waits; `None` where nobody may know.
    async fn depth(&self) -> Result<Option<Depth>, QueueError>;
}
