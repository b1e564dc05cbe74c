//! Where the lake is, in a bucket: what may be done there, whether the store keeps writers apart, and whether
//! something else deletes what is in it.

use aws_config::SdkConfig;
use aws_sdk_s3::Client;

use super::lifecycle::check_lifecycle;
use super::{Check, Verdict, failed, may_delete, right};
use crate::aws::Failure;
use crate::objects::Address;
use crate::s3::S3;

/// What a role does with the lake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LakeRights {
    /// It stores and commits.
    pub writes: bool,
    /// It deletes what no table has any more.
    pub deletes: bool,
}

/// Looks at the lake at `place`.
pub async fn check_lake(settings: &SdkConfig, place: &Address, rights: LakeRights) -> Vec<Check> {
    let client = S3::new(settings).client;
    let root = match place.key.trim_end_matches('/') {
        "" => String::new(),
        key => format!("{key}/"),
    };
    // The ledger's log: every lake has one.
    let log = format!("{root}sources/_delta_log/");
    let list = client.list_objects_v2().bucket(&place.bucket).prefix(&log);
    let mut pages = list.into_paginator().send();
    let mut last = None;
    while let Some(page) = pages.next().await {
        let page = match page.map_err(|error| Failure::of(&error)) {
            Ok(page) => page,
            Err(failure) => {
                return vec![failed("list the lake", "s3:ListBucket of the lake", &failure)];
            }
        };
        let mut entries = page.contents().iter().filter_map(|object| object.key());
        // `maintain` deletes the first ones.
        last = entries.rfind(|key| key.ends_with(".json")).map(str::to_owned).or(last);
    }
    let mut checks = vec![Check::good("may list the lake")];
    match last {
        Some(entry) => checks.extend(tried(&client, place, &entry, rights).await),
        None => checks.push(Check::unseen(
            "whether it may read and write is not tried before there is a lake",
        )),
    }
    if rights.deletes {
        checks.push(may_delete(&client, &place.bucket, &root, "files of the lake").await);
    }
    checks.extend(check_lifecycle(&client, &place.bucket, &root).await);
    checks
}

/// Reads an entry of a table's log, and stores the same bytes once more on the condition that nothing is
/// there: a store that knows the condition refuses, and one that does not changes nothing.
async fn tried(client: &Client, place: &Address, entry: &str, rights: LakeRights) -> Vec<Check> {
    let get = client.get_object().bucket(&place.bucket).key(entry).send().await;
    let bytes = match get.map_err(|error| Failure::of(&error)) {
        Ok(answer) => match answer.body.collect().await {
            Ok(bytes) => bytes.into_bytes(),
            Err(error) => return vec![Check::unseen(format!("the lake cannot be read: {error}"))],
        },
        Err(failure) => {
            let needed = "s3:GetObject of the lake, and kms:Decrypt of its key if it has one";
            return vec![right("read the lake", needed, Err(failure), |_| false)];
        }
    };
    let mut checks = vec![Check::good("may read the lake")];
    if rights.writes {
        let put = client.put_object().bucket(&place.bucket).key(entry).if_none_match("*");
        let put = put.body(bytes.into()).send().await;
        let put = put.map(drop).map_err(|error| Failure::of(&error));
        let needed = "s3:PutObject of the lake, and kms:GenerateDataKey of its key if it has one";
        checks.push(match &put {
            Ok(()) => Check::new(
                Verdict::Wrong,
                "the store takes no heed of If-None-Match: of two writers, one loses what it has committed",
                "use a store with conditional writes, as S3 has them",
            ),
            Err(failure) if matches!(failure.status, Some(409 | 412)) => {
                Check::good("may write the lake, and writers are kept apart")
            }
            Err(_) => right("write the lake", needed, put, |_| false),
        });
    }
    checks
}
