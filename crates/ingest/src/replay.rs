//! Putting into a queue again what was given up, what went to quarantine, or what is in a bucket.

use std::sync::Arc;
use std::time::Duration;

use stagelight_lake::Ledger;
use thiserror::Error;

use crate::admission::Admission;
use crate::envelope::Notice;
use crate::objects::{Address, ObjectError, Objects};
use crate::queue::{Queue, QueueError};
use crate::retry;

/// So many messages are moved at once.
const BATCH: usize = 10;
/// What is moved is hidden from others for so long.
const HIDDEN: Duration = Duration::from_secs(60);
/// A queue that has given nothing for so long is empty.
const EMPTY: Duration = Duration::from_secs(2);

/// Why replaying has stopped.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// A queue cannot be used.
    #[error("queue {0}")]
    Queue(#[from] QueueError),
    /// A bucket cannot be listed.
    #[error("listing {0}")]
    Listing(#[from] ObjectError),
}

/// Moves all messages of `from`, such as a dead-letter queue, to `to`, and tells how many. One that
/// is sent and cannot be deleted comes again, which is no harm.
///
/// # Errors
///
/// [`ReplayError::Queue`]; what was moved until then is moved.
pub async fn replay_queue(from: &dyn Queue, to: &dyn Queue) -> Result<u64, ReplayError> {
    let mut moved = 0;
    loop {
        let messages = from.receive(BATCH, HIDDEN, EMPTY).await?;
        if messages.is_empty() {
            return Ok(moved);
        }
        let (bodies, receipts): (Vec<_>, Vec<_>) =
            messages.into_iter().map(|message| (message.body, message.receipt)).unzip();
        to.send(&bodies).await?;
        moved += bodies.len() as u64;
        let left = from.delete(&receipts).await?;
        if !left.is_empty() {
            tracing::warn!(messages = left.len(), "messages were moved and not deleted");
        }
    }
}

/// Announces in `to` the segments at `place` that are not in the `ledger`, and tells how many.
///
/// # Errors
///
/// [`ReplayError`]; what was announced until then is announced.
pub async fn replay_place(
    objects: &Arc<dyn Objects>,
    place: &Address,
    ledger: &Ledger,
    to: &dyn Queue,
) -> Result<u64, ReplayError> {
    // Whether it is too large is for the worker to say.
    let admission = Admission { within: Some(place.clone()), max_bytes: u64::MAX };
    let mut announced = 0;
    let mut page = None;
    loop {
        let listed = retry::objects(|| objects.list(place, page.as_deref())).await?;
        let missing: Vec<String> = listed
            .objects
            .into_iter()
            .map(Notice::of)
            .filter(|notice| admission.is_missing(notice, ledger))
            .map(|notice| notice.message())
            .collect();
        to.send(&missing).await?;
        announced += missing.len() as u64;
        page = listed.next;
        if page.is_none() {
            return Ok(announced);
        }
    }
}

/// Announces in `to` what is at `addresses` now.
///
/// # Errors
///
/// [`ReplayError::Queue`].
pub async fn replay_objects(addresses: Vec<Address>, to: &dyn Queue) -> Result<u64, ReplayError> {
    let messages: Vec<String> =
        addresses.into_iter().map(|address| Notice::at(address).message()).collect();
    to.send(&messages).await?;
    Ok(messages.len() as u64)
}
