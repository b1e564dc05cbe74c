//! Where the logs are: whether there are any, may be read, and are announced.

use aws_config::SdkConfig;
use aws_sdk_s3::types::{Object, ObjectStorageClass};

use super::notification::announced;
use super::{Check, InspectedQueue, Verdict, counted, failed, may_delete, right};
use crate::aws::Failure;
use crate::objects::Address;
use crate::s3::S3;

/// The code that says that an object is in an archive, to who may read it.
const ARCHIVED: &str = "InvalidObjectState";

/// Looks at the logs below `place`; at whether they may be deleted, where `deletes`.
pub async fn check_logs(settings: &SdkConfig, place: &Address, deletes: bool) -> Vec<Check> {
    let client = S3::new(settings).client;
    let place = &folder(place);
    let list = client.list_objects_v2().bucket(&place.bucket).prefix(&place.key);
    let listed = match list.send().await.map_err(|error| Failure::of(&error)) {
        Ok(listed) => listed,
        Err(failure) => {
            return vec![failed("list the logs", "s3:ListBucket of the logs", &failure)];
        }
    };
    let mut checks = vec![Check::good("may list the logs")];
    let files: Vec<_> = listed.contents().iter().filter(|object| object.size() > Some(0)).collect();
    let whole = if listed.next_continuation_token().is_some() { "at least " } else { "" };
    if files.is_empty() {
        checks.push(Check::new(
            Verdict::Better,
            format!("nothing is below {place}"),
            "let spark.eventLog.dir of the applications name this place, and set spark.eventLog.enabled",
        ));
    } else {
        let number = counted(files.len(), "file");
        checks.push(Check::good(format!("{whole}{number} below {place}")));
        checks.push(match newest(&files).and_then(Object::key) {
            Some(key) => {
                let get = client.get_object().bucket(&place.bucket).key(key).range("bytes=0-0");
                may_read(get.send().await.map(drop).map_err(|error| Failure::of(&error)))
            }
            None => archived("is not tried: all that were listed are in an archive"),
        });
    }
    if deletes {
        checks.push(may_delete(&client, &place.bucket, &place.key, "logs").await);
    }
    checks
}

/// The last of `files` that can be read at once. Old ones may be in an archive.
fn newest<'a>(files: &[&'a Object]) -> Option<&'a Object> {
    use ObjectStorageClass::{DeepArchive, Glacier};
    let is_there = |file: &&Object| !matches!(file.storage_class(), Some(Glacier | DeepArchive));
    files.iter().copied().filter(is_there).max_by_key(|file| file.last_modified().copied())
}

/// Whether logs may be read, by what came of reading one.
fn may_read(got: Result<(), Failure>) -> Check {
    match got {
        Err(failure) if failure.code == ARCHIVED => {
            archived(&format!("cannot be looked at: {}", failure.message))
        }
        got => {
            let needed = "s3:GetObject of the logs, and kms:Decrypt of their key if they have one";
            right("read the logs", needed, got, |_| false)
        }
    }
}

/// That archives stand in the way of seeing whether logs may be read.
fn archived(why: &str) -> Check {
    Check::new(
        Verdict::Unknown,
        format!("whether it may read the logs {why}"),
        "what is in an archive is not read at once: let nothing move logs to one before they are in the lake",
    )
}

/// Looks at whether `queue` is told of the logs below `place`.
pub async fn check_announced(
    settings: &SdkConfig,
    place: &Address,
    queue: &InspectedQueue,
) -> Vec<Check> {
    announced(&S3::new(settings).client, &folder(place), queue).await
}

/// Workers take it for a folder, too.
fn folder(place: &Address) -> Address {
    let mut place = place.clone();
    if !place.is_folder() {
        place.key.push('/');
    }
    place
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::primitives::DateTime;

    use super::*;

    #[test]
    fn the_newest_file_that_is_not_archived_is_tried() {
        let file = |key: &str, second: i64, class: &str| {
            let modified = DateTime::from_secs(second);
            Object::builder().key(key).last_modified(modified).storage_class(class.into()).build()
        };
        let unknown = Object::builder().key("f").build();
        let files = [
            file("a", 1, "GLACIER"),
            file("b", 2, "STANDARD"),
            file("c", 4, "GLACIER_IR"),
            file("d", 3, "INTELLIGENT_TIERING"),
            file("e", 5, "DEEP_ARCHIVE"),
            unknown,
        ];
        let tried = |files: &[Object]| {
            let files: Vec<_> = files.iter().collect();
            newest(&files).and_then(Object::key).map(str::to_owned)
        };
        for (files, key) in [
            (&files[..], Some("c")),
            (&files[..2], Some("b")),
            (&files[..1], None),
            (&files[4..], Some("f")),
            (&[], None),
        ] {
            assert_eq!(tried(files).as_deref(), key, "{files:?}");
        }
    }

    #[test]
    fn an_archive_is_no_matter_of_rights() {
        let failure = |code: &str| Failure {
            code: code.to_owned(),
            status: Some(403),
            message: code.to_owned(),
        };
        let needed = "the role needs s3:GetObject of the logs";
        for (got, verdict, is_right) in [
            (Ok(()), Verdict::Good, false),
            (Err(failure("InvalidObjectState")), Verdict::Unknown, false),
            (Err(failure("AccessDenied")), Verdict::Wrong, true),
        ] {
            let check = may_read(got);
            assert_eq!(check.verdict, verdict, "{check:?}");
            assert_eq!(check.advice.is_some_and(|of| of.starts_with(needed)), is_right);
        }
    }
}
