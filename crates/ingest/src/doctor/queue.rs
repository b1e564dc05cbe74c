//! The queue: its dead-letter queue, and whether its messages can be worked on.

use std::collections::HashMap;

use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::Value;

use super::{Check, Verdict, counted, failed, right, unseen};
use crate::aws::Failure;

/// What is known of a queue once it was looked at.
#[derive(Clone, Debug, Default)]
pub struct InspectedQueue {
    /// What there is to say.
    pub checks: Vec<Check>,
    /// Its ARN, where it may be known.
    pub arn: Option<String>,
    /// Its policy, empty where it has none; `None` where nobody may know.
    pub policy: Option<String>,
}

/// Who asks for attributes needs that.
const SEES: &str = "sqs:GetQueueAttributes of the queue";
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
        Err(failure) => {
            let check = failed(&format!("look at {url}"), SEES, &failure);
            return InspectedQueue { checks: vec![check], ..InspectedQueue::default() };
        }
    };
    let mut checks = judge(&attributes);
    checks.extend(dead_letters(&client, url, &attributes).await);
    if works {
        checks.extend(rights(&client, url).await);
    }
    let arn = attributes.get("QueueArn").cloned();
    let policy = Some(attributes.get("Policy").cloned().unwrap_or_default());
    InspectedQueue { checks, arn, policy }
}

/// Attributes by name.
type Attributes = HashMap<String, String>;

async fn attributes(client: &Client, url: &str) -> Result<Attributes, Failure> {
    let get = client.get_queue_attributes().queue_url(url);
    let answer = get.attribute_names(QueueAttributeName::All).send().await;
    let answer = answer.map_err(|error| Failure::of(&error))?;
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
    checks.push(Check::good(format!("messages that wait: {waiting}; that are worked on: {held}")));
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
            format!("messages are given up to {name} after {}", counted(n, "receive")),
            "a worker that is killed counts as one: set maxReceiveCount to 10",
        ),
        Some(n) => {
            Check::good(format!("messages are given up to {name} after {}", counted(n, "receive")))
        }
        None => Check::good(format!("messages are given up to {name}")),
    }];
    // They are of one account and region.
    let Some((before, _)) = url.rsplit_once('/') else { return checks };
    let dead = format!("{before}/{name}");
    let theirs = match self::attributes(client, &dead).await {
        Ok(theirs) => theirs,
        Err(failure) if failure.is_without_queue() => {
            checks.push(Check::new(
                Verdict::Wrong,
                format!("its dead-letter queue {name} is not there"),
                "make it again, or let the redrive policy name another",
            ));
            return checks;
        }
        Err(failure) => {
            checks.push(unseen(name, SEES, &failure));
            return checks;
        }
    };
    match number(&theirs, "ApproximateNumberOfMessages") {
        Some(0) => checks.push(Check::good(format!("{name} is empty"))),
        Some(n) => checks.push(Check::new(
            Verdict::Wrong,
            format!("{} given up to {name}", counted(n, "message")),
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
    let deleted = delete.send().await.map(drop).map_err(|error| Failure::of(&error));
    let change = client.change_message_visibility().queue_url(url).receipt_handle(NO_RECEIPT);
    let changed = change.visibility_timeout(0).send().await;
    let changed = changed.map(drop).map_err(|error| Failure::of(&error));
    // Whatever is wrong with a receipt is found by who may use it.
    let shows = |failure: &Failure| {
        failure.code.contains("ReceiptHandle") || failure.code.contains("InvalidParameterValue")
    };
    [
        right("delete messages", "sqs:DeleteMessage of the queue", deleted, shows),
        right("extend messages", "sqs:ChangeMessageVisibility of the queue", changed, shows),
        Check::unseen("whether it may receive is not tried: that would take a message"),
    ]
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
}
