//! Queues in SQS.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::http::HttpResponse;
use aws_sdk_sqs::error::{BuildError, ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry,
    DeleteMessageBatchRequestEntry, MessageSystemAttributeName, QueueAttributeName,
    SendMessageBatchRequestEntry,
};
use chrono::DateTime;
use futures::future::try_join_all;

use crate::aws::Failure;
use crate::queue::{Depth, Message, Queue, QueueError};

/// A batch has at most so many entries, and so many messages are handed out at once.
pub(crate) const BATCH: usize = 10;
/// SQS waits at most so long for messages.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// A queue in SQS.
#[derive(Clone)]
pub struct Sqs {
    client: Client,
    url: String,
}

impl Sqs {
    /// The queue at `url`.
    pub fn new(settings: &SdkConfig, url: &str) -> Self {
        Self { client: Client::new(settings), url: url.to_owned() }
    }

    /// Whether the queue gives up messages to a dead-letter queue; `None` where nobody may know.
    ///
    /// # Errors
    ///
    /// [`QueueError`] where there is no such queue, or it does not answer.
    pub async fn has_dead_letters(&self) -> Result<Option<bool>, QueueError> {
        let attributes = self.attributes(&[QueueAttributeName::RedrivePolicy]).await?;
        Ok(attributes.map(|found| found.iter().any(|policy| !policy.is_empty())))
    }

    /// The values of attributes that are there, or nothing where they may not be read.
    async fn attributes(
        &self,
        names: &[QueueAttributeName],
    ) -> Result<Option<Vec<String>>, QueueError> {
        let get = self.client.get_queue_attributes().queue_url(&self.url);
        let answer = get.set_attribute_names(Some(names.to_vec())).send().await;
        match answer {
            Ok(answer) => {
                let found = answer.attributes().cloned().unwrap_or_default();
                Ok(Some(names.iter().filter_map(|name| found.get(name).cloned()).collect()))
            }
            Err(error) if Failure::of(&error).is_not_allowed() => Ok(None),
            Err(error) => Err(self.error(&error)),
        }
    }

    fn error<E>(&self, error: &SdkError<E, HttpResponse>) -> QueueError
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let failure = Failure::of(error);
        let reason = format!("{}: {}", self.url, failure.message);
        if failure.is_without_queue() || failure.is_not_allowed() {
            QueueError::Fatal(reason)
        } else {
            QueueError::Failed(reason)
        }
    }
}

impl fmt::Debug for Sqs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sqs").field("url", &self.url).finish_non_exhaustive()
    }
}

#[async_trait]
impl Queue for Sqs {
    async fn receive(
        &self,
        at_most: usize,
        visibility: Duration,
        wait: Duration,
    ) -> Result<Vec<Message>, QueueError> {
        let receive = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(i32::try_from(at_most.clamp(1, BATCH)).unwrap_or(1))
            .wait_time_seconds(seconds(wait.min(LONGEST_WAIT)))
            .visibility_timeout(seconds(visibility))
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp);
        let answer = receive.send().await.map_err(|error| self.error(&error))?;
        let messages = answer.messages.unwrap_or_default().into_iter();
        Ok(messages
            .map(|message| {
                let attribute = |name: MessageSystemAttributeName| {
                    message.attributes()?.get(&name)?.parse::<i64>().ok()
                };
                let receives = attribute(MessageSystemAttributeName::ApproximateReceiveCount);
                let sent = attribute(MessageSystemAttributeName::SentTimestamp);
                Message {
                    receives: receives.and_then(|n| u32::try_from(n).ok()).unwrap_or(1),
                    sent: sent.and_then(DateTime::from_timestamp_millis),
                    id: message.message_id.unwrap_or_default(),
                    receipt: message.receipt_handle.unwrap_or_default(),
                    body: message.body.unwrap_or_default(),
                }
            })
            .collect())
    }

    async fn extend(
        &self,
        receipts: &[String],
        visibility: Duration,
    ) -> Result<Vec<String>, QueueError> {
        let batches = receipts.chunks(BATCH).map(async |batch| {
            let entries = entries(batch, |id, receipt| {
                ChangeMessageVisibilityBatchRequestEntry::builder()
                    .id(id)
                    .receipt_handle(receipt)
                    .visibility_timeout(seconds(visibility))
                    .build()
            })?;
            let change = self.client.change_message_visibility_batch().queue_url(&self.url);
            let answer = change.set_entries(Some(entries)).send().await;
            let answer = answer.map_err(|error| self.error(&error))?;
            match answer.failed().iter().find(|entry| !entry.sender_fault()) {
                Some(entry) => {
                    let message = entry.message().unwrap_or(entry.code());
                    Err(QueueError::Failed(format!("{}: {message}", self.url)))
                }
                None => Ok(failed(batch, answer.failed())),
            }
        });
        Ok(try_join_all(batches).await?.concat())
    }

    async fn delete(&self, receipts: &[String]) -> Result<Vec<String>, QueueError> {
        let batches = receipts.chunks(BATCH).map(async |batch| {
            let entries = entries(batch, |id, receipt| {
                DeleteMessageBatchRequestEntry::builder().id(id).receipt_handle(receipt).build()
            })?;
            let delete = self.client.delete_message_batch().queue_url(&self.url);
            let answer = delete.set_entries(Some(entries)).send().await;
            let answer = answer.map_err(|error| self.error(&error))?;
            Ok(failed(batch, answer.failed()))
        });
        Ok(try_join_all(batches).await?.concat())
    }

    async fn send(&self, bodies: &[String]) -> Result<(), QueueError> {
        for batch in bodies.chunks(BATCH) {
            let entries = entries(batch, |id, body| {
                SendMessageBatchRequestEntry::builder().id(id).message_body(body).build()
            })?;
            let send = self.client.send_message_batch().queue_url(&self.url);
            let answer = send.set_entries(Some(entries)).send().await;
            let answer = answer.map_err(|error| self.error(&error))?;
            if let Some(first) = answer.failed().first() {
                let message = first.message().unwrap_or(first.code());
                return Err(QueueError::Failed(format!("{}: {message}", self.url)));
            }
        }
        Ok(())
    }

    async fn depth(&self) -> Result<Option<Depth>, QueueError> {
        let names = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        ];
        let found = self.attributes(&names).await?.unwrap_or_default();
        Ok(match &found[..] {
            [visible, in_flight] => visible.parse().ok().zip(in_flight.parse().ok()),
            _ => None,
        }
        .map(|(visible, in_flight)| Depth { visible, in_flight }))
    }
}

fn seconds(time: Duration) -> i32 {
    i32::try_from(time.as_secs()).unwrap_or(i32::MAX)
}

/// An entry for each of `batch`, whose id is its place.
fn entries<T>(
    batch: &[String],
    entry: impl Fn(String, &String) -> Result<T, BuildError>,
) -> Result<Vec<T>, QueueError> {
    let entries = batch.iter().enumerate().map(|(at, each)| entry(at.to_string(), each));
    entries.collect::<Result<_, _>>().map_err(|error| QueueError::Failed(error.to_string()))
}

/// Those of `batch` that failed.
fn failed(batch: &[String], failed: &[BatchResultErrorEntry]) -> Vec<String> {
    failed
        .iter()
        .filter_map(|entry| batch.get(entry.id().parse::<usize>().ok()?).cloned())
        .collect()
}
