//! Whether a bucket tells a queue of what comes into it.

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::get_bucket_notification_configuration::GetBucketNotificationConfigurationOutput;
use aws_sdk_s3::types::{
    Event, FilterRuleName, NotificationConfigurationFilter, QueueConfiguration, TopicConfiguration,
};

use super::policy::{Answer, Sending, lets};
use super::{Check, InspectedQueue, Verdict, unseen};
use crate::aws::Failure;
use crate::objects::Address;

/// Whether the bucket of `place` tells `queue` of what comes below it.
pub(super) async fn announced(
    client: &Client,
    place: &Address,
    queue: &InspectedQueue,
) -> Vec<Check> {
    let InspectedQueue { arn: Some(arn), policy: Some(policy), .. } = queue else {
        let found =
            format!("whether {} tells the queue cannot be seen without the queue", place.bucket);
        return vec![Check::unseen(found)];
    };
    let (found, account) = match configuration(client, &place.bucket, arn).await {
        Ok(found) => found,
        Err(failure) => {
            let what = format!("what {} announces", place.bucket);
            return vec![unseen(what, "s3:GetBucketNotification of the bucket", &failure)];
        }
    };
    let queues = found.queue_configurations().iter().map(Announcement::to_queue);
    let ways = Ways {
        direct: queues.filter(|way| way.to == *arn).collect(),
        topics: found.topic_configurations().iter().map(Announcement::to_topic).collect(),
        bridge: found.event_bridge_configuration().is_some(),
    };
    Announced { place, queue: arn, policy, account }.judge(&ways)
}

/// What a bucket announces; and its account, where it is the one of the queue.
async fn configuration<'a>(
    client: &Client,
    bucket: &str,
    queue: &'a str,
) -> Result<(GetBucketNotificationConfigurationOutput, Option<&'a str>), Failure> {
    let ask = || client.get_bucket_notification_configuration().bucket(bucket);
    let account = queue.split(':').nth(4);
    // S3 refuses where the bucket is another account's.
    let of_account = ask().set_expected_bucket_owner(account.map(str::to_owned)).send().await;
    match of_account.map_err(|error| Failure::of(&error)) {
        Ok(found) => Ok((found, account)),
        Err(failure) if failure.is_not_allowed() => {
            let found = ask().send().await.map_err(|error| Failure::of(&error))?;
            Ok((found, None))
        }
        Err(failure) => Err(failure),
    }
}

/// How a bucket announces objects.
#[derive(Clone, Default)]
struct Ways {
    direct: Vec<Announcement>,
    topics: Vec<Announcement>,
    bridge: bool,
}

/// What a bucket tells a queue or a topic.
#[derive(Clone)]
struct Announcement {
    to: String,
    events: Vec<Event>,
    prefix: String,
    suffix: String,
}

impl Announcement {
    fn to_queue(of: &QueueConfiguration) -> Self {
        Self::new(of.queue_arn(), of.events(), of.filter())
    }

    fn to_topic(of: &TopicConfiguration) -> Self {
        Self::new(of.topic_arn(), of.events(), of.filter())
    }

    fn new(to: &str, events: &[Event], filter: Option<&NotificationConfigurationFilter>) -> Self {
        let rules =
            filter.and_then(|filter| filter.key()).map_or(&[][..], |key| key.filter_rules());
        let rule = |name: &FilterRuleName| {
            let rule = rules.iter().find(|rule| {
                // AWS answers with another case than it takes.
                rule.name().is_some_and(|is| is.as_str().eq_ignore_ascii_case(name.as_str()))
            });
            rule.and_then(|rule| rule.value()).unwrap_or_default().to_owned()
        };
        Self {
            to: to.to_owned(),
            events: events.to_vec(),
            prefix: rule(&FilterRuleName::Prefix),
            suffix: rule(&FilterRuleName::Suffix),
        }
    }

    /// Which keys below `key` it leaves out.
    fn leaves_out(&self, key: &str) -> Option<String> {
        let Self { prefix, suffix, .. } = self;
        if !key.starts_with(prefix) {
            Some(format!("only what begins with `{prefix}` is announced"))
        } else if !suffix.is_empty() {
            let why = "rolling logs have no common end";
            Some(format!("only what ends with `{suffix}` is announced; {why}"))
        } else {
            None
        }
    }
}

/// Which objects are announced, by how they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Comings {
    NotAll,
    /// Whatever is written, and nothing that is renamed.
    AllButCopies,
    All,
}

impl Comings {
    /// What several announcements to the same place tell together, each of some kinds of events.
    fn of<'a>(ways: impl Iterator<Item = &'a Announcement>) -> Self {
        let events: Vec<&Event> = ways.flat_map(|way| &way.events).collect();
        let has = |event: &Event| events.contains(&event);
        let written =
            has(&Event::S3ObjectCreatedPut) && has(&Event::S3ObjectCreatedCompleteMultipartUpload);
        match written {
            _ if has(&Event::S3ObjectCreated) => Self::All,
            true if has(&Event::S3ObjectCreatedCopy) => Self::All,
            true => Self::AllButCopies,
            false => Self::NotAll,
        }
    }
}

/// What is to be announced, and to whom.
struct Announced<'a> {
    place: &'a Address,
    /// The queue's ARN.
    queue: &'a str,
    /// The queue's policy.
    policy: &'a str,
    /// The bucket's account, where it is known.
    account: Option<&'a str>,
}

impl Announced<'_> {
    fn judge(&self, ways: &Ways) -> Vec<Check> {
        let Self { place, .. } = self;
        let bucket = &place.bucket;
        let whole = |way: &&Announcement| way.leaves_out(&place.key).is_none();
        let comings = Comings::of(ways.direct.iter().filter(whole));
        if comings > Comings::NotAll {
            return [Some(told(place, comings)), self.may_tell()].into_iter().flatten().collect();
        }
        if ways.bridge && self.may("events.amazonaws.com", None, None) != Answer::No {
            return vec![Check::new(
                Verdict::Unknown,
                format!("{bucket} sends its events to EventBridge, which may send to the queue"),
                format!(
                    "whether its rule matches cannot be seen here: `Object Created` of {place}"
                ),
            )];
        }
        let topic = ways
            .topics
            .iter()
            .filter(whole)
            .find(|topic| Comings::of([*topic].into_iter()) > Comings::NotAll);
        if let Some(topic) = topic {
            const SNS: &str = "sns.amazonaws.com";
            let account = topic.to.split(':').nth(4);
            return vec![match self.may(SNS, Some(&topic.to), account) {
                Answer::No => self.refused(SNS),
                _ => Check::new(
                    Verdict::Unknown,
                    format!("{bucket} tells the topic {}, which may send to the queue", topic.to),
                    "whether the queue is subscribed to it cannot be seen here",
                ),
            }];
        }
        if let Some(way) = ways.direct.first() {
            let left_out = way.leaves_out(&place.key).unwrap_or_else(|| {
                "not all of s3:ObjectCreated:* is announced (large files are completed uploads)"
                    .to_owned()
            });
            let advice =
                format!("let the notification to the queue have s3:ObjectCreated:* below {place}");
            return vec![Check::new(Verdict::Wrong, left_out, advice)];
        }
        if ways.bridge {
            return vec![self.refused("events.amazonaws.com")];
        }
        vec![Check::new(
            Verdict::Wrong,
            format!("{bucket} does not tell the queue of new objects"),
            "add a notification (deploy/terraform makes one, and says what to mind where there are others), or \
             run workers with --reconcile-every, which lists",
        )]
    }

    /// What is wrong with the bucket's own right to send.
    fn may_tell(&self) -> Option<Check> {
        const S3: &str = "s3.amazonaws.com";
        let bucket = &self.place.bucket;
        // China and GovCloud have partitions of their own.
        let partition = self.queue.split(':').nth(1).unwrap_or("aws");
        match self.may(S3, Some(&format!("arn:{partition}:s3:::{bucket}")), self.account) {
            Answer::Yes => None,
            Answer::No => Some(self.refused(S3)),
            Answer::Unseen(why) => Some(Check::unseen(format!(
                "whether the queue's policy lets {S3} send for {bucket} cannot be said: {why}"
            ))),
        }
    }

    fn may(&self, service: &str, source: Option<&str>, account: Option<&str>) -> Answer {
        lets(self.policy, &Sending { service, queue: self.queue, source, account })
    }

    fn refused(&self, service: &str) -> Check {
        let bucket = &self.place.bucket;
        Check::new(
            Verdict::Wrong,
            format!("the queue's policy does not let {service} send for {bucket}"),
            format!(
                "allow sqs:SendMessage to {service}, with aws:SourceArn of {bucket} or of the rule or topic, and \
                 deny it nowhere"
            ),
        )
    }
}

fn told(place: &Address, comings: Comings) -> Check {
    let bucket = &place.bucket;
    match comings {
        Comings::All => {
            Check::good(format!("{bucket} tells the queue of what comes below {place}"))
        }
        _ => Check::new(
            Verdict::Better,
            format!(
                "{bucket} tells the queue of what is written below {place}, and not of copies: a log of one file \
                 is renamed at its end, which is a copy in S3, and does not come"
            ),
            "let the notification to the queue have s3:ObjectCreated:*; rolling logs do without",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUEUE: &str = "arn:aws:sqs:eu:1:logs";
    const S3: &str = r#"{"Statement": {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage", "Condition": {"ArnEquals": {"aws:SourceArn": "arn:aws:s3:::logs"}}}}"#;
    const EVENTS: &str = r#"{"Statement": {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage", "Condition": {"ArnEquals": {"aws:SourceArn": "arn:aws:events:eu:1:rule/x"}}}}"#;
    const OF_ACCOUNT: &str = r#"{"Statement": {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage", "Condition": {"StringEquals": {"aws:SourceAccount": "1"}}}}"#;

    fn way(events: &[&str], prefix: &str, suffix: &str) -> Announcement {
        Announcement {
            to: QUEUE.to_owned(),
            events: events.iter().map(|event| Event::from(*event)).collect(),
            prefix: prefix.to_owned(),
            suffix: suffix.to_owned(),
        }
    }

    fn all() -> Vec<Announcement> {
        vec![way(&["s3:ObjectCreated:*"], "spark/", "")]
    }

    fn judged(ways: &Ways, policy: &str, account: Option<&str>) -> Vec<(Verdict, String)> {
        let place = Address::parse("s3://logs/spark/").expect("an address");
        let checks = Announced { place: &place, queue: QUEUE, policy, account }.judge(ways);
        checks.into_iter().map(|check| (check.verdict, check.found)).collect()
    }

    #[test]
    fn what_is_announced_has_to_be_all_that_comes() {
        let (put, upload, copy) = (
            "s3:ObjectCreated:Put",
            "s3:ObjectCreated:CompleteMultipartUpload",
            "s3:ObjectCreated:Copy",
        );
        for (direct, verdict, said) in [
            (all(), Verdict::Good, "tells the queue"),
            (vec![way(&["s3:ObjectCreated:*"], "", "")], Verdict::Good, "tells the queue"),
            (vec![way(&[put, upload, copy], "sp", "")], Verdict::Good, "tells the queue"),
            (
                vec![way(&[put], "", ""), way(&[upload], "spark/", ""), way(&[copy], "", "")],
                Verdict::Good,
                "tells the queue",
            ),
            (vec![way(&[put, upload], "", "")], Verdict::Better, "not of copies"),
            (vec![way(&[put, copy], "", "")], Verdict::Wrong, "not all of s3:ObjectCreated"),
            (
                vec![way(&[put, upload], "", ""), way(&[copy], "spark/a/", "")],
                Verdict::Better,
                "not of copies",
            ),
            (
                vec![way(&["s3:ObjectCreated:*"], "spark/a/", "")],
                Verdict::Wrong,
                "only what begins with `spark/a/`",
            ),
            (
                vec![way(&["s3:ObjectCreated:*"], "", ".zstd")],
                Verdict::Wrong,
                "only what ends with `.zstd`",
            ),
        ] {
            let checks = judged(&Ways { direct, ..Ways::default() }, S3, Some("1"));
            assert_eq!(checks.len(), 1, "{checks:?}");
            assert!(checks[0].0 == verdict && checks[0].1.contains(said), "{checks:?}");
        }
    }

    #[test]
    fn who_announces_has_to_be_allowed_to() {
        let verdicts = |ways: &Ways, policy, account| -> Vec<Verdict> {
            judged(ways, policy, account).into_iter().map(|(verdict, _)| verdict).collect()
        };
        use Verdict::{Good, Unknown, Wrong};
        let direct = Ways { direct: all(), ..Ways::default() };
        assert_eq!(verdicts(&direct, S3, None), [Good]);
        assert_eq!(verdicts(&direct, EVENTS, Some("1")), [Good, Wrong]);
        assert_eq!(verdicts(&direct, OF_ACCOUNT, Some("1")), [Good]);
        assert_eq!(verdicts(&direct, OF_ACCOUNT, None), [Good, Unknown], "another's bucket");
        let bridge = Ways { bridge: true, ..Ways::default() };
        assert_eq!(verdicts(&bridge, EVENTS, None), [Unknown]);
        assert_eq!(verdicts(&bridge, S3, None), [Wrong]);
        assert_eq!(verdicts(&Ways::default(), S3, None), [Wrong]);
        let topic = Ways { topics: all(), ..Ways::default() };
        assert!(judged(&topic, S3, None)[0].1.contains("does not let sns.amazonaws.com"));
        let elsewhere = vec![way(&["s3:ObjectCreated:*"], "other/", "")];
        let both = Ways { direct: elsewhere, ..topic.clone() };
        assert!(judged(&both, S3, None)[0].1.contains("does not let sns.amazonaws.com"));
        let sns =
            S3.replace("s3.amazonaws.com", "sns.amazonaws.com").replace("arn:aws:s3:::logs", QUEUE);
        assert_eq!(verdicts(&topic, &sns, None), [Unknown]);
    }
}
