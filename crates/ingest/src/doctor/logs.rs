//! Where the logs are: whether there are any, may be read, and are announced.

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::types::{
    Event, FilterRuleName, NotificationConfigurationFilter, QueueConfiguration, TopicConfiguration,
};

use super::queue::Sender;
use super::{Check, InspectedQueue, Verdict, failed, may_delete, right, unseen};
use crate::objects::Address;
use crate::s3::S3;

/// Looks at the logs below `place`, and at whether `queue` is told of them; whether they may be deleted,
/// where `deletes`.
pub async fn check_logs(
    settings: &SdkConfig,
    place: &Address,
    queue: Option<&InspectedQueue>,
    deletes: bool,
) -> Vec<Check> {
    let client = S3::new(settings).client;
    // Workers take it for a folder, too.
    let mut place = place.clone();
    if !place.is_folder() {
        place.key.push('/');
    }
    let place = &place;
    let list = client.list_objects_v2().bucket(&place.bucket).prefix(&place.key);
    let listed = match list.send().await {
        Ok(listed) => listed,
        Err(error) => {
            return vec![failed("list the logs", "s3:ListBucket of the logs", &error)];
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
            checks.push(Check::good(format!("{whole}{} files are below {place}", files.len())));
            let get = client.get_object().bucket(&place.bucket).key(key).range("bytes=0-0");
            let needed = "s3:GetObject of the logs, and kms:Decrypt of their key if they have one";
            checks.push(right("read the logs", needed, get.send().await, |_| false));
        }
    }
    if deletes {
        checks.push(may_delete(&client, &place.bucket, &place.key, "logs").await);
    }
    if let Some(queue) = queue {
        checks.extend(announced(&client, place, queue).await);
    }
    checks
}

/// Whether the bucket tells the queue of what comes below `place`.
async fn announced(client: &Client, place: &Address, queue: &InspectedQueue) -> Vec<Check> {
    let asked = client.get_bucket_notification_configuration().bucket(&place.bucket).send().await;
    let found = match asked {
        Ok(found) => found,
        Err(error) => {
            let what = format!("what {} announces", place.bucket);
            return vec![unseen(what, "s3:GetBucketNotification of the bucket", &error)];
        }
    };
    let queues = found.queue_configurations().iter().map(Announcement::to_queue);
    let ways = Ways {
        direct: queues
            .filter(|way| queue.arn.as_deref().is_some_and(|arn| way.to == arn))
            .collect(),
        topics: found.topic_configurations().iter().map(Announcement::to_topic).collect(),
        bridge: found.event_bridge_configuration().is_some(),
    };
    // China and GovCloud have partitions of their own.
    let partition = queue.arn.as_deref().and_then(|arn| arn.split(':').nth(1)).unwrap_or("aws");
    judge(place, partition, &ways, queue.senders.as_deref())
}

/// How a bucket announces objects.
#[derive(Default)]
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

    /// What of the logs below `key` it leaves out.
    fn leaves_out(&self, key: &str) -> Option<String> {
        let has = |event: &Event| self.events.contains(event);
        let created = has(&Event::S3ObjectCreated)
            || has(&Event::S3ObjectCreatedPut)
                && has(&Event::S3ObjectCreatedCompleteMultipartUpload);
        if !created {
            Some(
                "not all of s3:ObjectCreated:* is announced (large files are completed uploads)"
                    .to_owned(),
            )
        } else if !key.starts_with(&self.prefix) {
            Some(format!("only what begins with `{}` is announced", self.prefix))
        } else if !self.suffix.is_empty() {
            let suffix = &self.suffix;
            Some(format!(
                "only what ends with `{suffix}` is announced; rolling logs have no common end"
            ))
        } else {
            None
        }
    }
}

fn judge(place: &Address, partition: &str, ways: &Ways, senders: Option<&[Sender]>) -> Vec<Check> {
    let bucket = &place.bucket;
    let source = format!("arn:{partition}:s3:::{bucket}");
    let may = |service: &str, source: Option<&str>| {
        senders.is_none_or(|all| all.iter().any(|sender| sender.is(service, source)))
    };
    let refused = |service: &str| {
        Check::new(
            Verdict::Wrong,
            format!("the queue's policy does not let {service} send for {bucket}"),
            format!(
                "allow sqs:SendMessage to {service}, with aws:SourceArn of {bucket} or of the rule or topic"
            ),
        )
    };
    let mut checks = Vec::new();
    let told: Vec<_> = ways.direct.iter().map(|way| way.leaves_out(&place.key)).collect();
    if told.iter().any(Option::is_none) {
        checks.push(Check::good(format!("{bucket} tells the queue of what comes below {place}")));
        if !may("s3.amazonaws.com", Some(&source)) {
            checks.push(refused("s3.amazonaws.com"));
        }
        return checks;
    }
    if ways.bridge && may("events.amazonaws.com", None) {
        let may = if senders.is_some() { "may" } else { "has to be allowed to" };
        return vec![Check::new(
            Verdict::Unknown,
            format!("{bucket} sends its events to EventBridge, which {may} send to the queue"),
            format!("whether its rule matches cannot be seen here: `Object Created` of {place}"),
        )];
    }
    if let Some(topic) = ways.topics.iter().find(|topic| topic.leaves_out(&place.key).is_none())
        && may("sns.amazonaws.com", Some(&topic.to))
    {
        return vec![Check::new(
            Verdict::Unknown,
            format!("{bucket} tells the topic {}, which may send to the queue", topic.to),
            "whether the queue is subscribed to it cannot be seen here",
        )];
    }
    if let Some(left_out) = told.into_iter().flatten().next() {
        let advice =
            format!("let the notification to the queue have s3:ObjectCreated:* below {place}");
        return vec![Check::new(Verdict::Wrong, left_out, advice)];
    }
    if ways.bridge {
        return vec![refused("events.amazonaws.com")];
    }
    vec![Check::new(
        Verdict::Wrong,
        format!("{bucket} does not tell the queue of new objects"),
        "add a notification (deploy/terraform makes one, and says what to mind where there are others), or \
         run workers with --reconcile-every, which lists",
    )]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(events: &[&str], prefix: &str, suffix: &str) -> Announcement {
        Announcement {
            to: "arn:aws:sqs:eu:1:logs".to_owned(),
            events: events.iter().map(|event| Event::from(*event)).collect(),
            prefix: prefix.to_owned(),
            suffix: suffix.to_owned(),
        }
    }

    #[test]
    fn what_is_announced_has_to_be_all_that_comes() {
        let place = Address::parse("s3://logs/spark/").expect("an address");
        let all = ["s3:ObjectCreated:*"];
        let s3 = super::super::queue::senders(
            r#"{"Statement": {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"},
                "Action": "sqs:SendMessage", "Condition": {"ArnEquals": {"aws:SourceArn": "arn:aws:s3:::logs"}}}}"#,
        );
        let events = super::super::queue::senders(
            r#"{"Statement": {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sqs:SendMessage"}}"#,
        );
        let judged = |direct: Vec<Announcement>,
                      topics: Vec<Announcement>,
                      bridge,
                      senders: &[Sender]| {
            let ways = Ways { direct, topics, bridge };
            let checks = judge(&place, "aws", &ways, Some(senders));
            (checks.last().expect("a check").verdict, checks.last().expect("a check").found.clone())
        };
        let direct = |way: Announcement| judged(vec![way], Vec::new(), false, &s3);
        for sound in [
            way(&all, "spark/", ""),
            way(&all, "", ""),
            way(&["s3:ObjectCreated:Put", "s3:ObjectCreated:CompleteMultipartUpload"], "sp", ""),
        ] {
            assert_eq!(direct(sound).0, Verdict::Good);
        }
        for (faulty, said) in [
            (way(&all, "spark/a/", ""), "only what begins with `spark/a/`"),
            (way(&all, "", ".zstd"), "only what ends with `.zstd`"),
            (way(&["s3:ObjectCreated:Put"], "", ""), "not all of s3:ObjectCreated"),
        ] {
            let (verdict, found) = direct(faulty);
            assert!(verdict == Verdict::Wrong && found.contains(said), "{found}");
        }
        let sound = || vec![way(&all, "spark/", "")];
        assert_eq!(judged(sound(), Vec::new(), false, &events).0, Verdict::Wrong, "no right");
        assert_eq!(judged(Vec::new(), Vec::new(), true, &events).0, Verdict::Unknown);
        assert_eq!(judged(Vec::new(), Vec::new(), true, &s3).0, Verdict::Wrong);
        assert_eq!(judged(Vec::new(), Vec::new(), false, &s3).0, Verdict::Wrong);
        assert_eq!(judged(Vec::new(), sound(), false, &s3).0, Verdict::Wrong, "not SNS");
    }
}
