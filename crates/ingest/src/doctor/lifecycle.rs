//! Whether the lifecycle of a bucket deletes files of the lake, or puts them out of reach.

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{
    ExpirationStatus, IntelligentTieringConfiguration, IntelligentTieringStatus, LifecycleRule,
    LifecycleRuleAndOperator, TransitionStorageClass,
};
use stagelight_tables::all;

use super::{Check, Verdict, unseen};
use crate::aws::Failure;

/// Looks at the lifecycle of `bucket`, with the lake below `root`: empty, or with a slash at its end.
pub(super) async fn check_lifecycle(client: &Client, bucket: &str, root: &str) -> Check {
    let asked = client.get_bucket_lifecycle_configuration().bucket(bucket).send().await;
    let rules = match asked.map_err(|error| Failure::of(&error)) {
        Ok(found) => found.rules.unwrap_or_default(),
        Err(failure) if failure.code == "NoSuchLifecycleConfiguration" => Vec::new(),
        Err(failure) => {
            let what = format!("the lifecycle of {bucket}");
            return unseen(what, "s3:GetLifecycleConfiguration of the bucket", &failure);
        }
    };
    let lake = Lake { bucket, root };
    let check = lake.judge(&rules);
    if check.verdict < Verdict::Wrong && lake.is_tiered(&rules) {
        let asked = client.list_bucket_intelligent_tiering_configurations().bucket(bucket);
        match asked.send().await.map_err(|error| Failure::of(&error)) {
            Ok(found) => {
                let archived = lake.judge_tiers(found.intelligent_tiering_configuration_list());
                return archived.unwrap_or(check);
            }
            Err(failure) => {
                let what = format!("whether {bucket} archives what it tiers");
                return unseen(
                    what,
                    "s3:GetIntelligentTieringConfiguration of the bucket",
                    &failure,
                );
            }
        }
    }
    check
}

/// Where the lake is.
struct Lake<'a> {
    bucket: &'a str,
    root: &'a str,
}

/// What a rule does to files of the lake, the worst last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Harm {
    /// They can be read, and that costs.
    Costs(TransitionStorageClass),
    /// They are not there to be read; of the files that it says.
    Some(&'static str),
    /// They are not there to be read.
    All,
}

impl Lake<'_> {
    /// What `rules` do to files of the lake.
    fn judge(&self, rules: &[LifecycleRule]) -> Check {
        let bucket = self.bucket;
        let leave_out = "a table's log says how long a file is needed, and one that is gone breaks the table: \
                         leave the lake out of the rule; `stagelight maintain` deletes what no table has any more";
        let on = || rules.iter().filter(|rule| *rule.status() == ExpirationStatus::Enabled);
        let harms = on().filter(|rule| self.is_touched_by(prefix(rule)));
        let harms = harms.filter_map(|rule| Some((harm(rule)?, rule.id().unwrap_or("one"))));
        match harms.max_by(|(a, _), (b, _)| a.cmp(b)) {
            Some((Harm::All, rule)) => {
                return Check::new(
                    Verdict::Wrong,
                    format!(
                        "the lifecycle of {bucket} deletes files of the lake, or moves them out of reach (rule {rule})"
                    ),
                    leave_out,
                );
            }
            Some((Harm::Some(which), rule)) => {
                return Check::new(
                    Verdict::Unknown,
                    format!(
                        "the lifecycle of {bucket} deletes files of the lake, or moves them out of reach, {which} \
                         (rule {rule})"
                    ),
                    leave_out,
                );
            }
            Some((Harm::Costs(class), rule)) => {
                return Check::new(
                    Verdict::Better,
                    format!(
                        "the lifecycle of {bucket} moves files of the lake to {class} (rule {rule})"
                    ),
                    "questions read old files, too, which is paid by the GiB there: leave the lake out of the rule",
                );
            }
            None => {}
        }
        let aborts = |rule: &&LifecycleRule| {
            rule.abort_incomplete_multipart_upload().is_some()
                && self.root.starts_with(prefix(rule))
        };
        match on().find(aborts) {
            Some(_) => Check::good(format!(
                "the lifecycle of {bucket} aborts uploads that were not completed"
            )),
            None => Check::new(
                Verdict::Better,
                format!("uploads to {bucket} that were not completed stay, and are paid for"),
                "add a lifecycle rule that aborts incomplete multipart uploads after a day",
            ),
        }
    }

    /// Whether files of a table are below `prefix`, which may end within a name.
    fn is_touched_by(&self, prefix: &str) -> bool {
        all().any(|table| {
            let folder = format!("{}{}/", self.root, table.name);
            folder.starts_with(prefix) || prefix.starts_with(&folder)
        })
    }

    /// Whether files of the lake may become INTELLIGENT_TIERING.
    fn is_tiered(&self, rules: &[LifecycleRule]) -> bool {
        let class = TransitionStorageClass::IntelligentTiering;
        rules
            .iter()
            .filter(|rule| self.is_touched_by(prefix(rule)))
            .any(|rule| rule.transitions().iter().any(|to| to.storage_class() == Some(&class)))
    }

    /// What tiers do to files of the lake that are not asked for, where they have archives.
    fn judge_tiers(&self, tiers: &[IntelligentTieringConfiguration]) -> Option<Check> {
        let archive = tiers.iter().find(|tier| {
            let filter = tier.filter();
            let prefix = filter.and_then(|filter| {
                filter.prefix().or_else(|| filter.and().and_then(|all| all.prefix()))
            });
            *tier.status() == IntelligentTieringStatus::Enabled
                && !tier.tierings().is_empty()
                && self.is_touched_by(prefix.unwrap_or_default())
        })?;
        let (bucket, id) = (self.bucket, archive.id());
        Some(Check::new(
            Verdict::Wrong,
            format!(
                "{bucket} archives files of the lake that nobody has read for long (tiering {id})"
            ),
            "what is in an archive is not read at once, which breaks questions: leave the lake out of it",
        ))
    }
}

fn harm(rule: &LifecycleRule) -> Option<Harm> {
    use TransitionStorageClass::{GlacierIr, IntelligentTiering, OnezoneIa, StandardIa};
    let expires = rule.expiration().is_some_and(|of| of.days().is_some() || of.date().is_some());
    let of_class = |class: Option<&TransitionStorageClass>| match class {
        Some(IntelligentTiering) => None,
        Some(class @ (StandardIa | OnezoneIa | GlacierIr)) => Some(Harm::Costs(class.clone())),
        _ => Some(Harm::All),
    };
    let moves = rule.transitions().iter().filter_map(|to| of_class(to.storage_class()));
    match moves.chain(expires.then_some(Harm::All)).max()? {
        Harm::All => Some(which(rule).map_or(Harm::All, Harm::Some)),
        harm => Some(harm),
    }
}

/// Which of the files below its prefix a rule is for, where not for all.
fn which(rule: &LifecycleRule) -> Option<&'static str> {
    let filter = rule.filter()?;
    let and = filter.and();
    let has_tags = filter.tag().is_some() || and.is_some_and(|all| !all.tags().is_empty());
    let of_size = |all: &LifecycleRuleAndOperator| {
        all.object_size_greater_than().or(all.object_size_less_than())
    };
    let size = filter.object_size_greater_than().or(filter.object_size_less_than());
    if has_tags {
        Some("if they have a tag, which Stagelight gives none")
    } else if size.or(and.and_then(of_size)).is_some() {
        Some("if they are of a size")
    } else {
        None
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
    use aws_sdk_s3::types::builders::LifecycleRuleBuilder;
    use aws_sdk_s3::types::{
        AbortIncompleteMultipartUpload, IntelligentTieringAccessTier, IntelligentTieringFilter,
        LifecycleExpiration, LifecycleRuleFilter, Tag, Tiering, Transition,
    };

    use super::*;
    use Verdict::{Better, Good, Unknown, Wrong};

    fn below(prefix: &str) -> LifecycleRuleBuilder {
        let filter = LifecycleRuleFilter::builder().prefix(prefix).build();
        LifecycleRule::builder().status(ExpirationStatus::Enabled).filter(filter)
    }

    fn built(rule: LifecycleRuleBuilder) -> LifecycleRule {
        rule.build().expect("it has a status")
    }

    fn days(days: i32) -> LifecycleExpiration {
        LifecycleExpiration::builder().days(days).build()
    }

    fn judged(root: &str, rules: &[LifecycleRule]) -> Verdict {
        Lake { bucket: "b", root }.judge(rules).verdict
    }

    #[test]
    fn what_deletes_files_of_the_lake_is_wrong() {
        for (root, prefix, verdict) in [
            ("lake/", "", Wrong),
            ("lake/", "la", Wrong),
            ("lake/", "lake/task_ends/", Wrong),
            ("lake/", "lake/task_ends/part-", Wrong),
            ("lake/", "lake/other/", Better),
            ("lake/", "logs/", Better),
            ("", "", Wrong),
            ("", "task_ends", Wrong),
            ("", "logs/", Better),
        ] {
            let rule = built(below(prefix).expiration(days(30)));
            assert_eq!(judged(root, &[rule]), verdict, "{root} {prefix}");
        }
        let markers = LifecycleExpiration::builder().expired_object_delete_marker(true).build();
        assert_eq!(judged("lake/", &[built(below("").expiration(markers))]), Better);
        let off = below("").expiration(days(30)).status(ExpirationStatus::Disabled);
        assert_eq!(judged("lake/", &[built(off)]), Better);
    }

    #[test]
    fn what_can_be_read_is_not_gone() {
        let to = |class: &str| {
            let to = Transition::builder().days(30).storage_class(class.into()).build();
            built(below("").transitions(to))
        };
        for (class, verdict, said) in [
            ("GLACIER", Wrong, "out of reach"),
            ("DEEP_ARCHIVE", Wrong, "out of reach"),
            ("GLACIER_IR", Better, "to GLACIER_IR"),
            ("STANDARD_IA", Better, "to STANDARD_IA"),
            ("ONEZONE_IA", Better, "to ONEZONE_IA"),
            ("INTELLIGENT_TIERING", Better, "uploads"),
        ] {
            let check = Lake { bucket: "b", root: "lake/" }.judge(&[to(class)]);
            assert!(check.verdict == verdict && check.found.contains(said), "{check:?}");
        }
        assert_eq!(judged("lake/", &[to("STANDARD_IA"), to("GLACIER"), to("STANDARD_IA")]), Wrong);
        let lake = Lake { bucket: "b", root: "lake/" };
        assert!(lake.is_tiered(&[to("INTELLIGENT_TIERING")]) && !lake.is_tiered(&[to("GLACIER")]));
        let tiers = |prefix: &str, status: IntelligentTieringStatus| {
            let tier = Tiering::builder().days(90);
            let tier = tier.access_tier(IntelligentTieringAccessTier::ArchiveAccess).build();
            let filter = IntelligentTieringFilter::builder().prefix(prefix).build();
            let tiers = IntelligentTieringConfiguration::builder().id("t").status(status);
            tiers.filter(filter).tierings(tier.expect("a tier")).build().expect("tiers")
        };
        let on = IntelligentTieringStatus::Enabled;
        let archived = lake.judge_tiers(&[tiers("la", on.clone())]).expect("it is archived");
        assert_eq!(archived.verdict, Wrong);
        assert_eq!(lake.judge_tiers(&[tiers("logs/", on)]), None);
        assert_eq!(lake.judge_tiers(&[tiers("", IntelligentTieringStatus::Disabled)]), None);
    }

    #[test]
    fn what_is_for_some_files_may_be_for_none_of_the_lake() {
        let tag = || Tag::builder().key("temporary").value("yes").build().expect("a tag");
        let filter = LifecycleRuleFilter::builder;
        let and = || LifecycleRuleAndOperator::builder().prefix("lake/");
        for (filter, verdict) in [
            (filter().tag(tag()).build(), Unknown),
            (filter().object_size_greater_than(1 << 30).build(), Unknown),
            (filter().and(and().tags(tag()).build()).build(), Unknown),
            (filter().and(and().object_size_less_than(1).build()).build(), Unknown),
            (filter().and(and().build()).build(), Wrong),
            (filter().and(and().prefix("logs/").tags(tag()).build()).build(), Better),
        ] {
            let rule = built(below("").filter(filter.clone()).expiration(days(1)));
            assert_eq!(judged("lake/", &[rule]), verdict, "{filter:?}");
        }
    }

    #[test]
    fn uploads_are_to_be_aborted_where_the_lake_is() {
        let abort = AbortIncompleteMultipartUpload::builder().days_after_initiation(1).build();
        for (root, prefix, verdict) in [
            ("lake/", "", Good),
            ("lake/", "lake/", Good),
            ("lake/", "lake/task_ends/", Better),
            ("lake/", "logs/", Better),
            ("", "", Good),
            ("", "logs/", Better),
        ] {
            let rule = built(below(prefix).abort_incomplete_multipart_upload(abort.clone()));
            assert_eq!(judged(root, &[rule]), verdict, "{root} {prefix}");
        }
    }
}
