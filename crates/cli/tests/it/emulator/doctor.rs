//! What `doctor` says of queues and buckets, sound and with what people do to them.

use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::Value;

use super::Emulator;
use crate::stagelight::log;

/// What `doctor` says is wrong or could be better.
fn complaints(emulator: &Emulator, args: &[&str]) -> (i32, Vec<String>) {
    let prefix = ["--lake", "s3://lakes/a", "doctor", "--queue-url", &emulator.queue];
    let given = ["--summary", "json"];
    let run = emulator.run(&[&prefix[..], &given, args].concat());
    let checks: Vec<Value> = serde_json::from_str(&run.stdout).expect("an array of checks");
    assert!(checks.len() > 15, "{}", run.stdout);
    assert_eq!(run.stderr, "");
    let needs_advice = |check: &&Value| check["verdict"] == "wrong" || check["verdict"] == "better";
    assert!(
        checks.iter().filter(needs_advice).all(|check| check["advice"].is_string()),
        "{checks:?}"
    );
    // That receiving is not tried is always said.
    let bad = checks.iter().filter(|check| {
        check["verdict"] != "good"
            && !check["found"].as_str().is_some_and(|of| of.contains("is not tried"))
    });
    let said = |check: &Value| {
        let text = |name: &str| check[name].as_str().unwrap_or_default().to_owned();
        format!("{}: {}", text("verdict"), text("found"))
    };
    (run.code, bad.map(said).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doctor_says_what_is_wrong_with_an_installation() {
    let Some(emulator) = Emulator::start() else { return };
    emulator.put_all(&log("rolled-40"), "direct/").await;
    assert_eq!(emulator.run(&["--lake", "s3://lakes/a", "ingest", "s3://logs/direct/"]).code, 0);
    let set = async |queue: &str, name: QueueAttributeName, value: &str| {
        let set = emulator.sqs.set_queue_attributes().queue_url(queue);
        set.attributes(name, value).send().await.expect("it is set");
    };
    let policy = r#"{"Statement": [{"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage", "Resource": "*",
        "Condition": {"ArnEquals": {"aws:SourceArn": "arn:aws:s3:::logs"}}}]}"#;
    set(&emulator.queue, QueueAttributeName::Policy, policy).await;
    set(&emulator.dead, QueueAttributeName::MessageRetentionPeriod, "1209600").await;
    let lifecycle = |rule: aws_sdk_s3::types::builders::LifecycleRuleBuilder| {
        use aws_sdk_s3::types::{
            BucketLifecycleConfiguration, ExpirationStatus, LifecycleRuleFilter,
        };
        let all = LifecycleRuleFilter::builder().prefix("").build();
        let rule = rule.id("ours").status(ExpirationStatus::Enabled).filter(all).build();
        let rules = BucketLifecycleConfiguration::builder().rules(rule.expect("a rule")).build();
        let put = emulator.s3.put_bucket_lifecycle_configuration().bucket("lakes");
        put.lifecycle_configuration(rules.expect("rules")).send()
    };
    let rule = aws_sdk_s3::types::LifecycleRule::builder;
    let abort = aws_sdk_s3::types::AbortIncompleteMultipartUpload::builder();
    let abort = abort.days_after_initiation(1).build();
    lifecycle(rule().abort_incomplete_multipart_upload(abort)).await.expect("it is put");
    // Its logs lack the memory of executors, and that is all.
    let (code, said) =
        complaints(&emulator, &["--prefix", "s3://logs/direct", "--role", "maintain"]);
    assert!(said.len() == 1 && said[0].contains("memory of executors"), "{said:?}");
    assert_eq!(code, 0);
    // Nothing was changed by asking.
    assert_eq!(emulator.rows("s3://lakes/a", "SELECT count(*) AS n FROM sources")[0]["n"], 3);

    let expire = aws_sdk_s3::types::LifecycleExpiration::builder().days(30).build();
    lifecycle(rule().expiration(expire)).await.expect("it is put");
    set(&emulator.queue, QueueAttributeName::Policy, r#"{"Statement": []}"#).await;
    let given_up = emulator.sqs.send_message().queue_url(&emulator.dead).message_body("x");
    given_up.send().await.expect("it is sent");
    let single = log("inventory-single-35");
    emulator.put_all(&single, "direct/").await;
    assert_eq!(emulator.run(&["--lake", "s3://lakes/a", "ingest", "s3://logs/direct/"]).code, 0);
    let (code, said) = complaints(&emulator, &["--prefix", "s3://logs/direct/"]);
    assert_eq!(code, 3);
    for wrong in [
        "wrong: 1 message given up to dead",
        "wrong: the queue's policy does not let s3.amazonaws.com send for logs",
        "wrong: the lifecycle of lakes deletes files of the lake, or moves them out of reach (rule ours)",
        "wrong: logs of 1 of the last 2 applications, such as O'Brien",
    ] {
        assert!(said.iter().any(|said| said.starts_with(wrong)), "{wrong} {said:?}");
    }
    // One has it from Spark 4, the other one says so.
    assert!(!said.iter().any(|said| said.contains("do not pack")), "{said:?}");
    let (_, said) = complaints(&emulator, &["--prefix", "s3://logs/quiet/"]);
    assert!(said.iter().any(|said| said.contains("only what begins with `direct/`")), "{said:?}");

    // What Spark renames at its end is a copy.
    let arn = set_events(
        &emulator,
        &["s3:ObjectCreated:Put", "s3:ObjectCreated:CompleteMultipartUpload"],
    )
    .await;
    let denied = format!(
        r#"{{"Statement": [{{"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": "{arn}"}},
            {{"Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": "{arn}",
              "Condition": {{"StringNotEquals": {{"aws:SourceOrgID": "o-1"}}}}}}]}}"#
    );
    set(&emulator.queue, QueueAttributeName::Policy, &denied).await;
    let objects = emulator.s3.list_objects_v2().bucket("lakes").prefix("a/task_starts/part-");
    let objects = objects.send().await.expect("a listing");
    let gone = objects.contents()[0].key().expect("a key").to_owned();
    emulator.s3.delete_object().bucket("lakes").key(&gone).send().await.expect("it is deleted");
    let (code, said) = complaints(&emulator, &["--prefix", "s3://logs/direct/"]);
    assert_eq!(code, 3);
    let missing = format!("such as {}", gone.strip_prefix("a/").expect("it is of the lake"));
    for [verdict, found] in [
        ["better", "not of copies"],
        ["unseen", "StringNotEquals of aws:SourceOrgID"],
        ["wrong", &missing],
    ] {
        let is_said = |said: &String| said.starts_with(verdict) && said.contains(found);
        assert!(said.iter().any(is_said), "{found} {said:?}");
    }

    for (args, found) in [
        (["--queue-url", &format!("{}-none", emulator.queue)], "cannot look at "),
        (["--prefix", "s3://none/"], "cannot list the logs: NoSuchBucket"),
        (["--lake", "s3://none/a"], "cannot list the lake: NoSuchBucket"),
    ] {
        let run = emulator.run(&[&["doctor", "--summary", "json"], &args[..]].concat());
        let checks: Vec<Value> = serde_json::from_str(&run.stdout).expect("an array of checks");
        let wrong: Vec<_> = checks.iter().filter(|check| check["verdict"] == "wrong").collect();
        assert!(run.code == 3 && wrong.len() == 1, "{args:?} {}", run.stdout);
        assert!(
            wrong[0]["found"].as_str().is_some_and(|said| said.starts_with(found)),
            "{wrong:?}"
        );
        assert!(
            wrong[0]["advice"].as_str().is_some_and(|said| said.contains("a mistake")),
            "{wrong:?}"
        );
    }
}

/// Lets `logs` tell the queue of these events, and of nothing else; the queue's ARN.
async fn set_events(emulator: &Emulator, events: &[&str]) -> String {
    use aws_sdk_s3::types::{NotificationConfiguration, QueueConfiguration};
    let asked = emulator.sqs.get_queue_attributes().queue_url(&emulator.queue);
    let answer = asked.attribute_names(QueueAttributeName::QueueArn).send().await;
    let attributes = answer.expect("an answer").attributes.unwrap_or_default();
    let arn = &attributes[&QueueAttributeName::QueueArn];
    let queue = QueueConfiguration::builder().queue_arn(arn);
    let queue = queue.set_events(Some(events.iter().map(|event| (*event).into()).collect()));
    let told = NotificationConfiguration::builder();
    let told = told.queue_configurations(queue.build().expect("a notification")).build();
    let put = emulator.s3.put_bucket_notification_configuration().bucket("logs");
    put.notification_configuration(told).send().await.expect("it is put");
    arn.clone()
}
