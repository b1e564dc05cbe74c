//! What messages say of objects: S3's own event notifications, bare or in an envelope.
//!
//! A message is one of S3's event records (["Event message structure"][s3], major version 2, any
//! number of records), the same wrapped by SNS, an EventBridge event of `aws.s3`, or the message
//! that S3 sends to test a new configuration. Which it is, is found out for each.
//!
//! [s3]: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html

use chrono::{DateTime, Utc};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Value, json};
use thiserror::Error;

use crate::objects::{Address, Object};

/// SNS wraps once; a message that goes deeper is none of ours.
const WRAPPED_AT_MOST: usize = 3;

/// What happened to an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Where it is.
    pub address: Address,
    /// Whether it is there since, and not gone.
    pub created: bool,
    /// Its size in bytes, where the message says so.
    pub size: Option<u64>,
    /// Its ETag without quotes, where the message says so.
    pub etag: Option<String>,
    /// When it happened, where the message says so.
    pub time: Option<DateTime<Utc>>,
}

impl Notice {
    /// That `object` is there.
    pub(crate) fn of(object: Object) -> Self {
        Self {
            address: object.address,
            created: true,
            size: Some(object.size),
            etag: Some(object.etag),
            time: Some(object.modified),
        }
    }

    /// That some object is at `address`, whichever.
    pub(crate) fn at(address: Address) -> Self {
        Self { address, created: true, size: None, etag: None, time: None }
    }

    /// The message that S3 would have sent, as far as [`notices`] reads it.
    pub(crate) fn message(&self) -> String {
        let Self { address, created, size, etag, time } = self;
        let event = if *created { "ObjectCreated:Put" } else { "ObjectRemoved:Delete" };
        let key = utf8_percent_encode(&address.key, NON_ALPHANUMERIC).to_string();
        let mut object = json!({ "key": key });
        if let Some(size) = size {
            object["size"] = json!(size);
        }
        if let Some(etag) = etag {
            object["eTag"] = json!(etag);
        }
        json!({ "Records": [{
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "eventName": event,
            "eventTime": time,
            "s3": { "bucket": { "name": address.bucket }, "object": object },
        }] })
        .to_string()
    }
}

/// Why a message says nothing of objects.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EnvelopeError {
    /// It is no JSON.
    #[error("the message is no JSON: {0}")]
    Json(String),
    /// It is neither of what can be read.
    #[error("the message is no S3 event, bare, wrapped by SNS, or from EventBridge")]
    Unknown,
    /// It is one that this version cannot read.
    #[error("the S3 event is of version {0}, and only version 2 is known")]
    Version(String),
    /// A part of it is missing or malformed.
    #[error("the S3 event is malformed: {0}")]
    Malformed(String),
}

/// Reads the body of a message: what happened to which objects; nothing, for a test message.
///
/// # Errors
///
/// [`EnvelopeError`] where it is no message of S3's.
pub fn notices(body: &str) -> Result<Vec<Notice>, EnvelopeError> {
    let mut body = body.to_owned();
    for _ in 0..WRAPPED_AT_MOST {
        let message: Value =
            serde_json::from_str(&body).map_err(|error| EnvelopeError::Json(error.to_string()))?;
        if message.get("Records").is_some() {
            return records(message);
        }
        if message["Event"] == "s3:TestEvent" {
            return Ok(Vec::new());
        }
        if message["source"] == "aws.s3" && message.get("detail").is_some() {
            return Ok(vec![event_bridge(message)?]);
        }
        match &message["Message"] {
            Value::String(wrapped) => body = wrapped.clone(),
            _ => return Err(EnvelopeError::Unknown),
        }
    }
    Err(EnvelopeError::Unknown)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    #[serde(default)]
    event_version: Option<String>,
    event_name: String,
    #[serde(default)]
    event_time: Option<DateTime<Utc>>,
    s3: S3,
}

#[derive(Deserialize)]
struct S3 {
    bucket: S3Bucket,
    object: S3Object,
}

#[derive(Deserialize)]
struct S3Bucket {
    name: String,
}

#[derive(Deserialize)]
struct S3Object {
    key: String,
    #[serde(default)]
    size: Option<u64>,
    #[serde(default, alias = "eTag")]
    etag: Option<String>,
}

#[derive(Deserialize)]
struct Records {
    #[serde(rename = "Records")]
    records: Vec<Value>,
}

fn records(message: Value) -> Result<Vec<Notice>, EnvelopeError> {
    let Records { records } = parse(message)?;
    let mut notices = Vec::with_capacity(records.len());
    for record in records {
        let record: Record = parse(record)?;
        if let Some(version) = record.event_version
            && version.split('.').next() != Some("2")
        {
            return Err(EnvelopeError::Version(version));
        }
        let key = decoded(&record.s3.object.key)?;
        // With `s3:` in front in test configurations and some emulators.
        let event = record.event_name.trim_start_matches("s3:");
        notices.push(Notice {
            address: Address { bucket: record.s3.bucket.name, key },
            created: event.starts_with("ObjectCreated:") || event.starts_with("ObjectRestore:"),
            size: record.s3.object.size,
            etag: record.s3.object.etag.map(unquoted),
            time: record.event_time,
        });
    }
    Ok(notices)
}

/// A key as S3's own events have it: as in a form, with `+` for a space.
fn decoded(key: &str) -> Result<String, EnvelopeError> {
    let key = key.replace('+', " ");
    let decoded = percent_decode_str(&key).decode_utf8();
    Ok(decoded.map_err(|_| EnvelopeError::Malformed(format!("the key {key} is no UTF-8")))?.into())
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "detail-type")]
    detail_type: String,
    #[serde(default)]
    time: Option<DateTime<Utc>>,
    detail: S3,
}

/// EventBridge has the key as it is.
fn event_bridge(message: Value) -> Result<Notice, EnvelopeError> {
    let event: Event = parse(message)?;
    Ok(Notice {
        address: Address { bucket: event.detail.bucket.name, key: event.detail.object.key },
        created: matches!(
            event.detail_type.as_str(),
            "Object Created" | "Object Restore Completed"
        ),
        size: event.detail.object.size,
        etag: event.detail.object.etag.map(unquoted),
        time: event.time,
    })
}

fn parse<'de, T: Deserialize<'de>>(value: Value) -> Result<T, EnvelopeError> {
    T::deserialize(value).map_err(|error| EnvelopeError::Malformed(error.to_string()))
}

pub(crate) fn unquoted(etag: String) -> String {
    match etag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(bare) => bare.to_owned(),
        None => etag,
    }
}

#[cfg(test)]
mod tests;
