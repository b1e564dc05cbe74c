//! Objects in S3.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::DateTime as AwsDateTime;
use bytes::Bytes;
use chrono::{DateTime, Utc};

use crate::aws::{Failure, has_endpoint};
use crate::envelope::unquoted;
use crate::objects::{Address, Object, ObjectError, Objects, Page, Part};

/// The bytes of one answer may take so long.
const BODY: Duration = Duration::from_secs(60);

/// Codes that say that the object will not be given, whoever asks.
const REFUSED: [&str; 4] =
    ["InvalidObjectState", "KMS.DisabledException", "KMS.NotFoundException", "NoSuchBucket"];

/// S3, or what speaks as it does.
#[derive(Clone)]
pub struct S3 {
    pub(crate) client: Client,
}

impl S3 {
    /// S3 as `settings` say it is to be reached.
    pub fn new(settings: &SdkConfig) -> Self {
        let config = aws_sdk_s3::config::Builder::from(settings)
            // Emulators have no names for buckets.
            .force_path_style(has_endpoint(settings, "S3"))
            .build();
        Self { client: Client::from_conf(config) }
    }
}

impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("S3")
    }
}

#[async_trait]
impl Objects for S3 {
    async fn head(&self, address: &Address) -> Result<Object, ObjectError> {
        let head = self.client.head_object().bucket(&address.bucket).key(&address.key);
        let head = head.send().await.map_err(|error| object_error(address, &error))?;
        Ok(Object {
            address: address.clone(),
            etag: unquoted(head.e_tag().unwrap_or_default().to_owned()),
            size: size(head.content_length()),
            modified: time(head.last_modified()),
        })
    }

    async fn get(
        &self,
        address: &Address,
        etag: Option<&str>,
        range: Range<u64>,
    ) -> Result<Part, ObjectError> {
        let get = self
            .client
            .get_object()
            .bucket(&address.bucket)
            .key(&address.key)
            .range(format!("bytes={}-{}", range.start, range.end.saturating_sub(1)))
            .set_if_match(etag.map(|etag| format!("\"{etag}\"")));
        let answer = match get.send().await {
            Ok(answer) => answer,
            // There is no first byte of nothing.
            Err(error) if Failure::of(&error).status == Some(416) && range.start == 0 => {
                let object = self.head(address).await?;
                return match (object.size, etag) {
                    (0, Some(etag)) if etag != object.etag => Err(ObjectError::Changed),
                    (0, _) => Ok(Part { object, bytes: Bytes::new() }),
                    _ => Err(ObjectError::Failed(format!("{address}: a range is refused"))),
                };
            }
            Err(error) => return Err(object_error(address, &error)),
        };
        let whole = answer.content_range().and_then(|range| range.rsplit('/').next()?.parse().ok());
        let object = Object {
            address: address.clone(),
            etag: unquoted(answer.e_tag().unwrap_or_default().to_owned()),
            // Who ignores the range has given everything.
            size: whole.unwrap_or_else(|| size(answer.content_length())),
            modified: time(answer.last_modified()),
        };
        if let Some(etag) = etag
            && etag != object.etag
        {
            return Err(ObjectError::Changed);
        }
        let failed = |reason: String| ObjectError::Failed(format!("{address}: {reason}"));
        let body = tokio::time::timeout(BODY, answer.body.collect());
        let body = body.await.map_err(|_| failed("its bytes take too long".to_owned()))?;
        let mut bytes = body.map_err(|error| failed(error.to_string()))?.into_bytes();
        if whole.is_none() {
            let at = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).min(bytes.len());
            bytes = bytes.slice(at(range.start)..at(range.end));
        }
        let wanted = range.end.min(object.size).saturating_sub(range.start);
        if bytes.len() as u64 != wanted {
            let came = bytes.len();
            return Err(failed(format!("{came} bytes came of {wanted}")));
        }
        Ok(Part { object, bytes })
    }

    async fn list(&self, prefix: &Address, page: Option<&str>) -> Result<Page, ObjectError> {
        let list = self
            .client
            .list_objects_v2()
            .bucket(&prefix.bucket)
            .prefix(&prefix.key)
            .set_continuation_token(page.map(str::to_owned));
        let list = list.send().await.map_err(|error| match object_error(prefix, &error) {
            // What a listing can miss is the bucket, or S3.
            ObjectError::Gone => {
                ObjectError::Refused(format!("{prefix}: {}", Failure::of(&error).message))
            }
            error => error,
        })?;
        let objects = list.contents().iter().filter_map(|found| {
            let address = Address { bucket: prefix.bucket.clone(), key: found.key()?.to_owned() };
            Some(Object {
                address,
                etag: unquoted(found.e_tag()?.to_owned()),
                size: size(found.size()),
                modified: time(found.last_modified()),
            })
        });
        Ok(Page {
            objects: objects.collect(),
            next: list.next_continuation_token().map(str::to_owned),
        })
    }

    async fn delete(&self, object: &Object) -> Result<(), ObjectError> {
        let Object { address, etag, .. } = object;
        let delete = self.client.delete_object().bucket(&address.bucket).key(&address.key);
        let delete = delete.if_match(format!("\"{etag}\"")).send().await;
        delete.map(|_| ()).map_err(|error| object_error(address, &error))
    }
}

fn size(length: Option<i64>) -> u64 {
    length.and_then(|length| u64::try_from(length).ok()).unwrap_or_default()
}

/// In whole seconds, as headers have it, whatever else a listing may say.
fn time(time: Option<&AwsDateTime>) -> DateTime<Utc> {
    time.and_then(|time| DateTime::from_timestamp(time.secs(), 0)).unwrap_or(DateTime::UNIX_EPOCH)
}

fn object_error<E>(address: &Address, error: &SdkError<E, HttpResponse>) -> ObjectError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let failure = Failure::of(error);
    let reason = format!("{address}: {}", failure.message);
    match failure.status {
        _ if REFUSED.contains(&failure.code.as_str()) => ObjectError::Refused(reason),
        Some(404) => ObjectError::Gone,
        Some(412) => ObjectError::Changed,
        _ if failure.is_not_allowed() => ObjectError::Refused(reason),
        _ => ObjectError::Failed(reason),
    }
}
