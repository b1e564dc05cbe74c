//! Whether the lifecycle of a bucket deletes files of the lake, or puts them out of reach.

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{
    ExpirationStatus, IntelligentTieringConfiguration, IntelligentTieringStatus, LifecycleRule,
    LifecycleRuleAndOperator, TransitionStorageClass,
};
use stagelight_tables::all;

use super::{Check, Verdict, unseen};
use crate::aws::Failure;

/// Merged files are larger.
const LARGE: i64 = 16 << 20;
/// Hardly a merged file is.
const LARGEST: i64 = 128 << 20;
/// Entries of logs, and small data files, are smaller.
const SMALL: i64 = 1 << 10;

const TAGGED: &str = "if they have a tag, which Stagelight gives none";

/// Looks at the lifecycle of `bucket`, with the lake below `root`: empty, or with a slash at its end.
pub(super) async fn check_lifecycle(client: &Client, bucket: &str, root: &str) -> Vec<Check> {
    let asked = client.get_bucket_lifecycle_configuration().bucket(bucket).send().await;
    let rules = match asked.map_err(|error| Failure::of(&error)) {
        Ok(found) => found.rules.unwrap_or_default(),
        Err(failure) if failure.code == "NoSuchLifecycleConfiguration" => Vec::new(),
        Err(failure) => {
            let what = format!("the lifecycle of {bucket}");
            return vec![unseen(what, "s3:GetLifecycleConfiguration of the bucket", &failure)];
        }
    };
    let lake = Lake { bucket, root };
    let check = lake.judge(&rules);
    let Some(tiered) = lake.tiered(&rules).filter(|_| check.verdict < Verdict::Wrong) else {
        return vec![check];
    };
    let asked = client.list_bucket_intelligent_tiering_configurations().bucket(bucket);
    let found = asked.send().await.map_err(|error| Failure::of(&error));
    let tiers = found.map(|found| found.intelligent_tiering_configuration_list.unwrap_or_default());
    lake.with_archives(check, &tiered, tiers)
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

    /// Whether files of the lake may become INTELLIGENT_TIERING, and which.
    fn tiered(&self, rules: &[LifecycleRule]) -> Option<Harm> {
        let class = TransitionStorageClass::IntelligentTiering;
        rules
            .iter()
            .filter(|rule| self.is_touched_by(prefix(rule)))
            .filter(|rule| rule.transitions().iter().any(|to| to.storage_class() == Some(&class)))
            .map(|rule| gone(which(rule)))
            .max()
    }

    /// What there is to say of archives, besides `check`.
    fn with_archives(
        &self,
        check: Check,
        tiered: &Harm,
        tiers: Result<Vec<IntelligentTieringConfiguration>, Failure>,
    ) -> Vec<Check> {
        let archived = match tiers {
            Ok(tiers) => self.judge_tiers(tiered, &tiers),
            Err(failure) => {
                let what = format!("whether {} archives what it tiers", self.bucket);
                let right = "s3:GetIntelligentTieringConfiguration of the bucket";
                Some(unseen(what, right, &failure))
            }
        };
        [Some(check), archived].into_iter().flatten().collect()
    }

    /// What tiers do to files of the lake that are not asked for, where they have archives, and where files
    /// are `tiered`.
    fn judge_tiers(
        &self,
        tiered: &Harm,
        tiers: &[IntelligentTieringConfiguration],
    ) -> Option<Check> {
        let archives = tiers.iter().filter_map(|tier| {
            let filter = tier.filter();
            let and = filter.and_then(|filter| filter.and());
            let prefix =
                filter.and_then(|of| of.prefix()).or_else(|| and.and_then(|all| all.prefix()));
            let has_tags = filter.is_some_and(|of| of.tag().is_some())
                || and.is_some_and(|all| !all.tags().is_empty());
            let is_meant = *tier.status() == IntelligentTieringStatus::Enabled
                && !tier.tierings().is_empty()
                && self.is_touched_by(prefix.unwrap_or_default());
            is_meant.then(|| (gone(has_tags.then_some(TAGGED)), tier.id()))
        });
        let (harm, id) = archives.max_by(|(a, _), (b, _)| a.cmp(b))?;
        // What is not tiered is not archived.
        let (verdict, which) = match harm.min(tiered.clone()) {
            Harm::Some(which) => (Verdict::Unknown, format!(", {which}")),
            Harm::All | Harm::Costs(_) => (Verdict::Wrong, String::new()),
        };
        let bucket = self.bucket;
        Some(Check::new(
            verdict,
            format!(
                "{bucket} archives files of the lake that nobody has read for long{which} (tiering {id})"
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
        Harm::All => Some(gone(which(rule))),
        harm => Some(harm),
    }
}

/// That files are not there to be read; those `of` which that is said, where it may be none.
fn gone(of: Option<&'static str>) -> Harm {
    of.map_or(Harm::All, Harm::Some)
}

/// Which of the files below its prefix a rule is for, where it may be none of the lake.
fn which(rule: &LifecycleRule) -> Option<&'static str> {
    let filter = rule.filter()?;
    let and = filter.and();
    if filter.tag().is_some() || and.is_some_and(|all| !all.tags().is_empty()) {
        return Some(TAGGED);
    }
    let above = filter
        .object_size_greater_than()
        .or_else(|| and.and_then(LifecycleRuleAndOperator::object_size_greater_than))
        .unwrap_or(0);
    let below = filter
        .object_size_less_than()
        .or_else(|| and.and_then(LifecycleRuleAndOperator::object_size_less_than))
        .unwrap_or(i64::MAX);
    let takes_large = above < LARGE && below > LARGEST;
    let takes_small = above == 0 && below > SMALL;
    (!takes_large && !takes_small).then_some("if they are of a size")
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
        AbortIncompleteMultipartUpload, IntelligentTieringAccessTier,
        IntelligentTieringAndOperator, IntelligentTieringFilter, LifecycleExpiration,
        LifecycleRuleFilter, Tag, Tiering, Transition,
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

    fn tag() -> Tag {
        Tag::builder().key("temporary").value("yes").build().expect("a tag")
    }

    fn tiers(
        filter: IntelligentTieringFilter,
        status: IntelligentTieringStatus,
    ) -> IntelligentTieringConfiguration {
        let tier = Tiering::builder().days(90);
        let tier = tier.access_tier(IntelligentTieringAccessTier::ArchiveAccess).build();
        let tiers = IntelligentTieringConfiguration::builder().id("t").status(status);
        tiers.filter(filter).tierings(tier.expect("a tier")).build().expect("tiers")
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
    }

    #[test]
    fn what_is_archived_is_out_of_reach() {
        use IntelligentTieringStatus::{Disabled, Enabled};
        let to = |class: TransitionStorageClass, filter: LifecycleRuleFilter| {
            let to = Transition::builder().days(30).storage_class(class).build();
            [built(below("").filter(filter).transitions(to))]
        };
        let of = LifecycleRuleFilter::builder;
        let and = || LifecycleRuleAndOperator::builder().prefix("lake/");
        let lake = Lake { bucket: "b", root: "lake/" };
        let tagged = Harm::Some(TAGGED);
        let of_size = Harm::Some("if they are of a size");
        for (filter, tiered) in [
            (of().prefix("").build(), Some(Harm::All)),
            (of().prefix("logs/").build(), None),
            (of().tag(tag()).build(), Some(tagged.clone())),
            (of().and(and().tags(tag()).build()).build(), Some(tagged.clone())),
            (of().object_size_greater_than(128 << 10).build(), Some(Harm::All)),
            (of().object_size_greater_than(1 << 30).build(), Some(of_size.clone())),
        ] {
            let rules = to(TransitionStorageClass::IntelligentTiering, filter);
            assert_eq!(lake.tiered(&rules), tiered, "{rules:?}");
        }
        assert_eq!(lake.tiered(&to(TransitionStorageClass::Glacier, of().build())), None);

        let of = IntelligentTieringFilter::builder;
        let and = || IntelligentTieringAndOperator::builder().prefix("lake/").tags(tag());
        let of_logs = and().prefix("logs/").build();
        let all = || of().prefix("la").build();
        for (tiered, filter, status, verdict) in [
            (&Harm::All, all(), Enabled, Some(Wrong)),
            (&Harm::All, all(), Disabled, None),
            (&Harm::All, of().prefix("logs/").build(), Enabled, None),
            (&Harm::All, of().tag(tag()).build(), Enabled, Some(Unknown)),
            (&Harm::All, of().and(and().build()).build(), Enabled, Some(Unknown)),
            (&Harm::All, of().and(of_logs).build(), Enabled, None),
            (&of_size, all(), Enabled, Some(Unknown)),
            (&tagged, of().tag(tag()).build(), Enabled, Some(Unknown)),
        ] {
            let tiers = [tiers(filter, status)];
            let check = lake.judge_tiers(tiered, &tiers);
            assert_eq!(check.map(|check| check.verdict), verdict, "{tiered:?} {tiers:?}");
        }
        let both = [tiers(all(), Enabled), tiers(of().tag(tag()).build(), Enabled)];
        let check = lake.judge_tiers(&Harm::All, &both).expect("all is archived");
        assert_eq!(check.verdict, Wrong);
        let check = lake.judge_tiers(&Harm::All, &both[1..]).expect("some may be archived");
        assert!(check.found.contains(TAGGED), "{check:?}");
    }

    #[test]
    fn what_is_said_of_archives_is_said_besides() {
        let lake = Lake { bucket: "b", root: "lake/" };
        let check = || lake.judge(&[]);
        let filter = || IntelligentTieringFilter::builder().prefix("").build();
        let on = tiers(filter(), IntelligentTieringStatus::Enabled);
        let off = tiers(filter(), IntelligentTieringStatus::Disabled);
        let denied = Failure {
            code: "AccessDenied".to_owned(),
            status: Some(403),
            message: "AccessDenied".to_owned(),
        };
        for (tiers, verdicts, said) in [
            (Ok(vec![off]), &[Better][..], "uploads to b"),
            (Ok(vec![on]), &[Better, Wrong], "b archives files"),
            (Err(denied), &[Better, Unknown], "whether b archives"),
        ] {
            let checks = lake.with_archives(check(), &Harm::All, tiers);
            let found: Vec<_> = checks.iter().map(|check| check.verdict).collect();
            assert_eq!(found, verdicts);
            assert_eq!(checks[0], check());
            let all: Vec<_> = checks.iter().map(|check| check.found.as_str()).collect();
            assert!(all.iter().any(|found| found.contains(said)), "{all:?}");
        }
    }

    #[test]
    fn what_is_for_some_files_may_be_for_none_of_the_lake() {
        let filter = LifecycleRuleFilter::builder;
        let and = || LifecycleRuleAndOperator::builder().prefix("lake/");
        let between = |above: i64, below: i64| {
            let sizes = and().object_size_greater_than(above).object_size_less_than(below);
            filter().and(sizes.build()).build()
        };
        for (filter, verdict) in [
            (filter().tag(tag()).build(), Unknown),
            (filter().and(and().tags(tag()).build()).build(), Unknown),
            (
                filter().and(and().object_size_less_than(1 << 20).tags(tag()).build()).build(),
                Unknown,
            ),
            (filter().and(and().build()).build(), Wrong),
            (filter().and(and().prefix("logs/").tags(tag()).build()).build(), Better),
            // Merged files are megabytes.
            (filter().object_size_greater_than(0).build(), Wrong),
            (filter().object_size_greater_than((16 << 20) - 1).build(), Wrong),
            (filter().object_size_greater_than(16 << 20).build(), Unknown),
            (filter().and(and().object_size_greater_than(128 << 10).build()).build(), Wrong),
            // Entries of logs are some KiB.
            (filter().object_size_less_than(1 << 10).build(), Unknown),
            (filter().object_size_less_than((1 << 10) + 1).build(), Wrong),
            (filter().and(and().object_size_less_than(128 << 10).build()).build(), Wrong),
            (filter().and(and().object_size_less_than(1).build()).build(), Unknown),
            (between(0, 4 << 10), Wrong),
            (between(1 << 20, 1 << 30), Wrong),
            (between(1 << 20, 2 << 20), Unknown),
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
