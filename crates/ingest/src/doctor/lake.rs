//! Where the lake is, in a bucket: what may be done there, whether the store keeps writers apart, and whether
//! something else deletes what is in it.

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::types::{ExpirationStatus, LifecycleRule};

use super::{Check, Verdict, failed, may_delete, right, unseen};
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
        let page = match page {
            Ok(page) => page,
            Err(error) => {
                return vec![failed("list the lake", "s3:ListBucket of the lake", &error)];
            }
        };
        let mut entries = page.contents().iter().filter_map(|object| object.key());
        // `maintain` deletes the first ones.
        last = entries.rfind(|key| key.ends_with(".json")).map(str::to_owned).or(last);
    }
    let mut checks = vec![Check::good("may list the lake")];
    if let Some(entry) = last {
        checks.extend(tried(&client, place, &entry, rights).await);
    }
    if rights.deletes {
        checks.push(may_delete(&client, &place.bucket, &root, "files of the lake").await);
    }
    checks.push(lifecycle(&client, place, &root).await);
    checks
}

/// Reads an entry of a table's log, and stores the same bytes once more on the condition that nothing is
/// there: a store that knows the condition refuses, and one that does not changes nothing.
async fn tried(client: &Client, place: &Address, entry: &str, rights: LakeRights) -> Vec<Check> {
    let get = client.get_object().bucket(&place.bucket).key(entry).send().await;
    let bytes = match get {
        Ok(answer) => match answer.body.collect().await {
            Ok(bytes) => bytes.into_bytes(),
            Err(error) => {
                let found = format!("the lake cannot be read: {error}");
                return vec![Check { verdict: Verdict::Unknown, found, advice: None }];
            }
        },
        error => {
            let needed = "s3:GetObject of the lake, and kms:Decrypt of its key if it has one";
            return vec![right("read the lake", needed, error, |_| false)];
        }
    };
    let mut checks = vec![Check::good("may read the lake")];
    if rights.writes {
        let put = client.put_object().bucket(&place.bucket).key(entry).if_none_match("*");
        let put = put.body(bytes.into()).send().await;
        let is_kept_apart = match &put {
            Ok(_) => Some(false),
            Err(error) => matches!(Failure::of(error).status, Some(409 | 412)).then_some(true),
        };
        let needed = "s3:PutObject of the lake, and kms:GenerateDataKey of its key if it has one";
        match is_kept_apart {
            Some(true) => checks.push(Check::good("may write the lake, and writers are kept apart")),
            Some(false) => checks.push(Check::new(
                Verdict::Wrong,
                "the store takes no heed of If-None-Match: of two writers, one loses what it has committed",
                "use a store with conditional writes, as S3 has them",
            )),
            None => checks.push(right("write the lake", needed, put, |_| false)),
        }
    }
    checks
}

async fn lifecycle(client: &Client, place: &Address, root: &str) -> Check {
    let asked = client.get_bucket_lifecycle_configuration().bucket(&place.bucket).send().await;
    match asked {
        Ok(found) => judge(&place.bucket, root, found.rules()),
        Err(error) if Failure::of(&error).code == "NoSuchLifecycleConfiguration" => {
            judge(&place.bucket, root, &[])
        }
        Err(error) => {
            let what = format!("the lifecycle of {}", place.bucket);
            unseen(what, "s3:GetLifecycleConfiguration of the bucket", &error)
        }
    }
}

/// What the rules of a bucket's lifecycle do to what is below `root`.
fn judge(bucket: &str, root: &str, rules: &[LifecycleRule]) -> Check {
    let rules: Vec<_> =
        rules.iter().filter(|rule| *rule.status() == ExpirationStatus::Enabled).collect();
    let touches = |rule: &&&LifecycleRule| {
        let prefix = prefix(rule);
        root.starts_with(prefix) || prefix.starts_with(root)
    };
    let harms = |rule: &&&LifecycleRule| {
        let expires =
            rule.expiration().is_some_and(|of| of.days().is_some() || of.date().is_some());
        expires || !rule.transitions().is_empty()
    };
    if let Some(rule) = rules.iter().filter(touches).find(harms) {
        let id = rule.id().unwrap_or("one");
        return Check::new(
            Verdict::Wrong,
            format!("the lifecycle of {bucket} deletes or moves files of the lake (rule {id})"),
            "a table's log says how long a file is needed, and one that is gone breaks the table: leave the \
             lake out of the rule; `stagelight maintain` deletes what no table has any more",
        );
    }
    let aborts = |rule: &&&LifecycleRule| {
        rule.abort_incomplete_multipart_upload().is_some() && root.starts_with(prefix(rule))
    };
    match rules.iter().find(aborts) {
        Some(_) => {
            Check::good(format!("the lifecycle of {bucket} aborts uploads that were not completed"))
        }
        None => Check::new(
            Verdict::Better,
            format!("uploads to {bucket} that were not completed stay, and are paid for"),
            "add a lifecycle rule that aborts incomplete multipart uploads after a day",
        ),
    }
}

fn prefix(rule: &LifecycleRule) -> &str {
    let of_filter = rule
        .filter()
        .and_then(|filter| filter.prefix().or_else(|| filter.and().and_then(|all| all.prefix())));
    #[expect(deprecated, reason = "buckets have rules that were made when it was not")]
    let of_rule = rule.prefix();
    of_filter.or(of_rule).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::types::{
        AbortIncompleteMultipartUpload, LifecycleExpiration, LifecycleRuleFilter, Transition,
    };

    use super::*;

    #[test]
    fn what_deletes_files_of_the_lake_is_wrong() {
        let rule = |prefix: &str| {
            let filter = LifecycleRuleFilter::builder().prefix(prefix).build();
            LifecycleRule::builder().status(ExpirationStatus::Enabled).filter(filter)
        };
        let days = |days| LifecycleExpiration::builder().days(days).build();
        let abort = AbortIncompleteMultipartUpload::builder().days_after_initiation(1).build();
        let judged = |rule: aws_sdk_s3::types::builders::LifecycleRuleBuilder| {
            judge("b", "lake/", &[rule.build().expect("it has a status")]).verdict
        };
        for (prefix, verdict) in [
            ("", Verdict::Wrong),
            ("la", Verdict::Wrong),
            ("lake/tasks/", Verdict::Wrong),
            ("logs/", Verdict::Better),
        ] {
            assert_eq!(judged(rule(prefix).expiration(days(30))), verdict, "{prefix}");
        }
        assert_eq!(
            judged(rule("").transitions(Transition::builder().days(30).build())),
            Verdict::Wrong
        );
        assert_eq!(
            judged(rule("").abort_incomplete_multipart_upload(abort.clone())),
            Verdict::Good
        );
        assert_eq!(judged(rule("logs/").abort_incomplete_multipart_upload(abort)), Verdict::Better);
        let markers = LifecycleExpiration::builder().expired_object_delete_marker(true).build();
        assert_eq!(judged(rule("").expiration(markers)), Verdict::Better);
        let off = rule("").expiration(days(30)).status(ExpirationStatus::Disabled);
        assert_eq!(judged(off), Verdict::Better);
    }
}
