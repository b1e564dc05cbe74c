//! Where the logs are: whether there are any, may be read, and are announced.

use aws_config::SdkConfig;

use super::notification::announced;
use super::{Check, InspectedQueue, Verdict, counted, failed, may_delete, right};
use crate::aws::Failure;
use crate::objects::Address;
use crate::s3::S3;

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
    match files.first().and_then(|object| object.key()) {
        None => checks.push(Check::new(
            Verdict::Better,
            format!("nothing is below {place}"),
            "let spark.eventLog.dir of the applications name this place, and set spark.eventLog.enabled",
        )),
        Some(key) => {
            let files = counted(files.len(), "file");
            checks.push(Check::good(format!("{whole}{files} below {place}")));
            let get = client.get_object().bucket(&place.bucket).key(key).range("bytes=0-0");
            let got = get.send().await.map(drop).map_err(|error| Failure::of(&error));
            let needed = "s3:GetObject of the logs, and kms:Decrypt of their key if they have one";
            checks.push(right("read the logs", needed, got, |_| false));
        }
    }
    if deletes {
        checks.push(may_delete(&client, &place.bucket, &place.key, "logs").await);
    }
    checks
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
