//! The queue: its dead-letter queue, who may send to it, and whether its messages can be worked on.

use std::collections::HashMap;

use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::Value;

use super::{Check, Verdict, failed, right};
use crate::aws::Failure;

/// What is known of a queue once it was looked at.
#[derive(Clone, Debug, Default)]
pub struct InspectedQueue {
    /// What there is to say.
    pub checks: Vec<Check>,
    /// Its ARN, where it may be known.
    pub arn: Option<String>,
    /// Services that its policy lets send to it; `*` is everybody. None where nobody may know.
    pub senders: Option<Vec<Sender>>,
}

/// Who may send to a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// The principal, as in `s3.amazonaws.com`.
    pub(super) principal: String,
    /// On whose behalf, as patterns of ARNs; none, for anybody.
    pub(super) sources: Vec<String>,
}

/// A worker that is killed twice is no reason to give up a log.
const RECEIVES_AT_LEAST: u64 = 3;
/// Other consumers need time to ask for more.
const VISIBILITY_AT_LEAST: u64 = 30;
/// A weekend without workers.
const RETENTION_AT_LEAST: u64 = 2 * 86_400;

/// Looks at the queue at `url`; at what a worker does with its messages, where `works`.
pub async fn check_queue(settings: &SdkConfig, url: &str, works: bool) -> InspectedQueue {
    let client = Client::new(settings);
    let attributes = match attributes(&client, url).await {
        Ok(attributes) => attributes,
        Err(check) => return InspectedQueue { checks: vec![check], ..InspectedQueue::default() },
    };
    let mut checks = judge(&attributes);
    checks.extend(dead_letters(&client, url, &attributes).await);
    if works {
        checks.extend(rights(&client, url).await);
    }
    let arn = attributes.get("QueueArn").cloned();
    let senders = Some(senders(attributes.get("Policy").map_or("", String::as_str)));
    InspectedQueue { checks, arn, senders }
}

/// Attributes by name.
type Attributes = HashMap<String, String>;

async fn attributes(client: &Client, url: &str) -> Result<Attributes, Check> {
    let get = client.get_queue_attributes().queue_url(url);
    let answer = get.attribute_names(QueueAttributeName::All).send().await;
    let needed = "sqs:GetQueueAttributes of the queue";
    let answer = answer.map_err(|error| failed(&format!("look at {url}"), needed, &error))?;
    let attributes = answer.attributes.unwrap_or_default().into_iter();
    Ok(attributes.map(|(name, value)| (name.as_str().to_owned(), value)).collect())
}

fn number(attributes: &Attributes, name: &str) -> Option<u64> {
    attributes.get(name)?.parse().ok()
}

/// What the queue's own attributes say.
fn judge(attributes: &Attributes) -> Vec<Check> {
    let number = |name| number(attributes, name);
    let mut checks = Vec::new();
    let waiting = number("ApproximateNumberOfMessages").unwrap_or_default();
    let held = number("ApproximateNumberOfMessagesNotVisible").unwrap_or_default();
    checks.push(Check::good(format!("{waiting} messages wait, {held} are being worked on")));
    if let Some(seconds) = number("VisibilityTimeout") {
        checks.push(match seconds {
            ..VISIBILITY_AT_LEAST => Check::new(
                Verdict::Better,
                format!("its visibility timeout is {seconds} s"),
                "workers ask for their own (--visibility-timeout); for whatever else receives from it, set \
                 120 s",
            ),
            _ => Check::good(format!("its visibility timeout is {seconds} s; workers ask for their own")),
        });
    }
    if let Some(seconds) = number("MessageRetentionPeriod") {
        let days = seconds as f64 / 86_400.0;
        checks.push(match seconds {
            ..RETENTION_AT_LEAST => Check::new(
                Verdict::Better,
                format!("it keeps messages for {days:.1} days"),
                "while no worker runs for longer, logs are forgotten: set MessageRetentionPeriod to 4 days, \
                 or run workers with --reconcile-every",
            ),
            _ => Check::good(format!("it keeps messages for {days:.0} days")),
        });
    }
    match attributes.get("KmsMasterKeyId").map(String::as_str) {
        None | Some("") => {}
        Some(key) if key.ends_with("alias/aws/sqs") => checks.push(Check::new(
            Verdict::Wrong,
            format!("it is encrypted with {key}, which S3 and EventBridge may not use"),
            "encrypt it with SSE-SQS, or with a key of yours whose policy lets them",
        )),
        Some(key) => checks.push(Check::new(
            Verdict::Unknown,
            format!("it is encrypted with the key {key}, whose policy cannot be seen here"),
            "it has to give kms:GenerateDataKey and kms:Decrypt to who sends: s3.amazonaws.com, \
             sns.amazonaws.com or events.amazonaws.com",
        )),
    }
    checks
}

async fn dead_letters(client: &Client, url: &str, attributes: &Attributes) -> Vec<Check> {
    let policy = attributes.get("RedrivePolicy").map_or("", String::as_str);
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    let Some(name) = policy["deadLetterTargetArn"].as_str().and_then(|arn| arn.rsplit(':').next())
    else {
        return vec![Check::new(
            Verdict::Better,
            "it has no dead-letter queue",
            "what cannot be read goes to quarantine after --max-receives; give it a redrive policy to \
             have it kept as messages, too",
        )];
    };
    let receives = match &policy["maxReceiveCount"] {
        Value::String(text) => text.parse().ok(),
        number => number.as_u64(),
    };
    let mut checks = vec![match receives {
        Some(n @ ..RECEIVES_AT_LEAST) => Check::new(
            Verdict::Wrong,
            format!("messages are given up to {name} after {n} receives"),
            "a worker that is killed counts as one: set maxReceiveCount to 10",
        ),
        Some(n) => Check::good(format!("messages are given up to {name} after {n} receives")),
        None => Check::good(format!("messages are given up to {name}")),
    }];
    // They are of one account and region.
    let Some((before, _)) = url.rsplit_once('/') else { return checks };
    let dead = format!("{before}/{name}");
    let theirs = match self::attributes(client, &dead).await {
        Ok(theirs) => theirs,
        Err(check) => {
            checks.push(Check { verdict: Verdict::Unknown, ..check });
            return checks;
        }
    };
    match number(&theirs, "ApproximateNumberOfMessages") {
        Some(0) => checks.push(Check::good(format!("{name} is empty"))),
        Some(n) => checks.push(Check::new(
            Verdict::Wrong,
            format!("{n} messages were given up to {name}"),
            format!(
                "mend what the workers' logs say of them, then: stagelight replay --queue-url {url} \
                 --dead-letters {dead}"
            ),
        )),
        None => {}
    }
    let retention = "MessageRetentionPeriod";
    if let (Some(ours), Some(theirs)) = (number(attributes, retention), number(&theirs, retention))
        && theirs <= ours
    {
        checks.push(Check::new(
            Verdict::Better,
            format!("{name} keeps messages no longer than the queue"),
            "it counts from when they were first sent: set its MessageRetentionPeriod to 14 days",
        ));
    }
    checks
}

/// Of receiving there is no way to ask without taking a message, which counts.
async fn rights(client: &Client, url: &str) -> [Check; 3] {
    const NO_RECEIPT: &str = "stagelight-doctor-has-none";
    let delete = client.delete_message().queue_url(url).receipt_handle(NO_RECEIPT);
    let change = client.change_message_visibility().queue_url(url).receipt_handle(NO_RECEIPT);
    // Whatever is wrong with a receipt is found by who may use it.
    let shows = |failure: &Failure| {
        failure.code.contains("ReceiptHandle") || failure.code.contains("InvalidParameterValue")
    };
    [
        right("delete messages", "sqs:DeleteMessage of the queue", delete.send().await, shows),
        right(
            "extend messages",
            "sqs:ChangeMessageVisibility of the queue",
            change.visibility_timeout(0).send().await,
            shows,
        ),
        Check {
            verdict: Verdict::Unknown,
            found: "whether it may receive is not tried: that would take a message".to_owned(),
            advice: None,
        },
    ]
}

/// Whom a policy lets send to its queue.
pub(super) fn senders(policy: &str) -> Vec<Sender> {
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    let allowed = list(&policy["Statement"]).into_iter().filter(|statement| {
        let sends = |action: &str| {
            let action = action.to_lowercase();
            action == "*" || action == "sqs:*" || action == "sqs:sendmessage"
        };
        statement["Effect"] == "Allow" && texts(&statement["Action"]).iter().any(|of| sends(of))
    });
    allowed
        .flat_map(|statement| {
            let principals = match &statement["Principal"] {
                Value::String(all) => vec![all.clone()],
                by_kind => by_kind
                    .as_object()
                    .into_iter()
                    .flat_map(|kinds| kinds.values().flat_map(texts))
                    .collect(),
            };
            let operators = statement["Condition"].as_object().into_iter().flatten();
            let keys = operators.filter_map(|(_, keys)| keys.as_object()).flatten();
            let sources: Vec<String> = keys
                .filter(|(key, _)| key.eq_ignore_ascii_case("aws:SourceArn"))
                .flat_map(|(_, arns)| texts(arns))
                .collect();
            principals
                .into_iter()
                .map(move |principal| Sender { principal, sources: sources.clone() })
                .collect::<Vec<_>>()
        })
        .collect()
}

impl Sender {
    /// Whether `service` may send, on behalf of `source`.
    pub(super) fn is(&self, service: &str, source: Option<&str>) -> bool {
        let principal = &self.principal;
        let is_principal =
            principal == "*" || principal.strip_suffix(".cn").unwrap_or(principal) == service;
        let matches = |source| self.sources.iter().any(|pattern| is_like(source, pattern));
        is_principal && (self.sources.is_empty() || source.is_none_or(matches))
    }
}

/// Whether a text is as a pattern of IAM says: `*` is any text, and `?` a character.
fn is_like(text: &str, pattern: &str) -> bool {
    let (text, pattern): (Vec<_>, Vec<_>) = (text.chars().collect(), pattern.chars().collect());
    let (mut at, mut of) = (0, 0);
    // Behind the last `*`, and from where on it has not taken the text.
    let mut star = None;
    while at < text.len() {
        match (pattern.get(of), star) {
            (Some('*'), _) => {
                of += 1;
                star = Some((of, at));
            }
            (Some(c), _) if *c == '?' || *c == text[at] => (at, of) = (at + 1, of + 1),
            (_, Some((behind, taken))) => {
                (at, of) = (taken + 1, behind);
                star = Some((behind, taken + 1));
            }
            _ => return false,
        }
    }
    pattern[of..].iter().all(|c| *c == '*')
}

fn list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(all) => all.iter().collect(),
        Value::Null => Vec::new(),
        one => vec![one],
    }
}

fn texts(value: &Value) -> Vec<String> {
    list(value).into_iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts(attributes: &[(&str, &str)]) -> Vec<Verdict> {
        let attributes = attributes.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        judge(&attributes.collect()).into_iter().map(|check| check.verdict).collect()
    }

    #[test]
    fn attributes_are_judged() {
        use Verdict::{Better, Good, Unknown, Wrong};
        let sound = [("VisibilityTimeout", "120"), ("MessageRetentionPeriod", "345600")];
        assert_eq!(verdicts(&sound), [Good, Good, Good]);
        let short = [("VisibilityTimeout", "5"), ("MessageRetentionPeriod", "3600")];
        assert_eq!(verdicts(&short), [Good, Better, Better]);
        assert_eq!(verdicts(&[("KmsMasterKeyId", "alias/aws/sqs")]), [Good, Wrong]);
        assert_eq!(verdicts(&[("KmsMasterKeyId", "arn:aws:kms:eu:1:key/2")]), [Good, Unknown]);
    }

    #[test]
    fn a_policy_says_who_may_send_for_whom() {
        let policy = r#"{"Statement": [
            {"Effect": "Deny", "Principal": "*", "Action": "sqs:*",
             "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
            {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": ["SQS:SendMessage"],
             "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::acme-*"},
                           "StringEquals": {"aws:SourceAccount": "1"}}},
            {"Effect": "Allow", "Principal": {"AWS": ["2"]}, "Action": "sqs:ReceiveMessage"}]}"#;
        let senders = senders(policy);
        let may = |service: &str, source: &str| senders.iter().any(|s| s.is(service, Some(source)));
        assert_eq!(senders.len(), 1);
        assert!(may("s3.amazonaws.com", "arn:aws:s3:::acme-logs"));
        assert!(!may("s3.amazonaws.com", "arn:aws:s3:::other"));
        assert!(!may("events.amazonaws.com", "arn:aws:s3:::acme-logs"));
        assert!(self::senders("").is_empty() && self::senders("{").is_empty());
        let all = self::senders(
            r#"{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage"}}"#,
        );
        assert!(all[0].is("s3.amazonaws.com", Some("arn:aws:s3:::any")));
    }

    #[test]
    fn patterns_are_those_of_iam() {
        for (text, pattern, is) in [
            ("", "", true),
            ("a", "*", true),
            ("", "*", true),
            ("arn:aws:s3:::logs", "arn:*:s3:::l?gs", true),
            ("arn:aws:s3:::logs", "arn:*:s3:::l?g", false),
            ("é", "?", true),
            ("abcb", "a*b", true),
            ("abc", "a*b", false),
        ] {
            assert_eq!(is_like(text, pattern), is, "{text} {pattern}");
        }
        let (text, pattern) = ("a".repeat(200), "*a".repeat(30) + "b");
        assert!(!is_like(&text, &pattern), "and that is found soon");
    }
}
