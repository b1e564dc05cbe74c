use proptest::prelude::*;

use super::*;

/// As the user guide prints it, shortened where nothing is read.
const RECORD: &str = r#"{
    "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-west-2",
    "eventTime": "2026-11-26T05:00:00.123Z", "eventName": "ObjectCreated:Put",
    "s3": {
        "s3SchemaVersion": "1.0", "configurationId": "logs",
        "bucket": {"name": "logs", "arn": "arn:aws:s3:::logs"},
        "object": {
            "key": "eventlog_v2_app-1/events_1_app-1.zstd",
            "size": 1024, "eTag": "d41d8cd98f00b204e9800998ecf8427e",
            "sequencer": "0055AED6DCD90281E5"
        }
    }
}"#;

fn s3_event(records: &[&str]) -> String {
    format!(r#"{{"Records": [{}]}}"#, records.join(","))
}

fn notice() -> Notice {
    Notice {
        address: Address {
            bucket: "logs".into(),
            key: "eventlog_v2_app-1/events_1_app-1.zstd".into(),
        },
        created: true,
        size: Some(1024),
        etag: Some("d41d8cd98f00b204e9800998ecf8427e".into()),
        time: Some("2026-11-26T05:00:00.123Z".parse().expect("a time")),
    }
}

#[test]
fn every_record_of_a_message_is_read() {
    assert_eq!(notices(&s3_event(&[RECORD])), Ok(vec![notice()]));
    let other = RECORD.replace("events_1", "events_2");
    let both = notices(&s3_event(&[RECORD, &other])).expect("two notices");
    assert_eq!(both.len(), 2);
    assert!(both[1].address.key.contains("events_2"));
    assert_eq!(notices(&s3_event(&[])), Ok(vec![]));
}

#[test]
fn the_same_event_comes_in_many_envelopes() {
    let bare = s3_event(&[RECORD]);
    let sns = serde_json::json!({
        "Type": "Notification", "MessageId": "1", "TopicArn": "arn:aws:sns:us-west-2:1:logs",
        "Subject": "Amazon S3 Notification", "Message": bare,
    });
    assert_eq!(notices(&sns.to_string()), Ok(vec![notice()]));

    let event_bridge = serde_json::json!({
        "version": "0", "detail-type": "Object Created", "source": "aws.s3",
        "time": "2026-11-26T05:00:00.123Z", "region": "us-west-2",
        "detail": {
            "version": "0", "bucket": {"name": "logs"},
            "object": {
                "key": "eventlog_v2_app-1/events_1_app-1.zstd",
                "size": 1024, "etag": "d41d8cd98f00b204e9800998ecf8427e",
                "sequencer": "0055AED6DCD90281E5",
            },
            "reason": "PutObject",
        },
    });
    assert_eq!(notices(&event_bridge.to_string()), Ok(vec![notice()]));
    let sns = serde_json::json!({ "Type": "Notification", "Message": event_bridge.to_string() });
    assert_eq!(notices(&sns.to_string()), Ok(vec![notice()]));
}

#[test]
fn a_test_message_says_nothing() {
    let test = r#"{"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "logs"}"#;
    assert_eq!(notices(test), Ok(vec![]));
    let sns = serde_json::json!({ "Type": "Notification", "Message": test });
    assert_eq!(notices(&sns.to_string()), Ok(vec![]));
}

#[test]
fn keys_are_decoded_as_each_envelope_encodes_them() {
    let record = RECORD.replace("eventlog_v2_app-1/", "my+logs/a%2Bb%3D1/%C3%A9%2520/");
    let read = notices(&s3_event(&[&record])).expect("a notice");
    assert_eq!(read[0].address.key, "my logs/a+b=1/é%20/events_1_app-1.zstd");
    let bad = RECORD.replace("eventlog_v2_app-1/", "%FF/");
    assert!(matches!(notices(&s3_event(&[&bad])), Err(EnvelopeError::Malformed(_))));

    let event_bridge = serde_json::json!({
        "detail-type": "Object Created", "source": "aws.s3",
        "detail": { "bucket": {"name": "b"}, "object": {"key": "a+b%20 c"} },
    });
    assert_eq!(notices(&event_bridge.to_string()).expect("a notice")[0].address.key, "a+b%20 c");
}

#[test]
fn what_is_created_is_told_from_what_is_gone() {
    for (name, created) in [
        ("ObjectCreated:Put", true),
        ("ObjectCreated:Post", true),
        ("ObjectCreated:Copy", true),
        ("ObjectCreated:CompleteMultipartUpload", true),
        ("s3:ObjectCreated:Put", true),
        ("ObjectRestore:Completed", true),
        ("ObjectRemoved:Delete", false),
        ("ObjectRemoved:DeleteMarkerCreated", false),
        ("LifecycleExpiration:Delete", false),
        ("ObjectTagging:Put", false),
    ] {
        let record = RECORD.replace("ObjectCreated:Put", name);
        let read = notices(&s3_event(&[&record])).expect("a notice");
        assert_eq!(read[0].created, created, "{name}");
    }
    // A removal has neither size nor ETag.
    let gone = r#"{"eventName": "ObjectRemoved:Delete",
        "s3": {"bucket": {"name": "b"}, "object": {"key": "k"}}}"#;
    let read = notices(&s3_event(&[gone])).expect("a notice");
    assert_eq!((read[0].size, &read[0].etag, read[0].time), (None, &None, None));
}

#[test]
fn anything_else_is_refused_in_words() {
    assert!(matches!(notices("not json"), Err(EnvelopeError::Json(_))));
    assert!(matches!(notices(""), Err(EnvelopeError::Json(_))));
    for other in ["{}", "[]", "1", "null", r#"{"Message": 1}"#, r#"{"hello": "world"}"#] {
        assert_eq!(notices(other), Err(EnvelopeError::Unknown), "{other}");
    }
    let newer = RECORD.replace("\"2.1\"", "\"3.0\"");
    assert_eq!(notices(&s3_event(&[&newer])), Err(EnvelopeError::Version("3.0".into())));
    for malformed in [r#"{"Records": 1}"#, r#"{"Records": [{}]}"#, r#"{"Records": [1]}"#] {
        assert!(matches!(notices(malformed), Err(EnvelopeError::Malformed(_))), "{malformed}");
    }
    let mut wrapped = "{}".to_owned();
    for _ in 0..5 {
        wrapped = serde_json::json!({ "Message": wrapped }).to_string();
    }
    assert_eq!(notices(&wrapped), Err(EnvelopeError::Unknown));
}

proptest! {
    #[test]
    fn what_is_announced_is_read(key in "\\PC+", size in 0_u64..1 << 50, etag in "[0-9a-f]{32}(-[0-9]+)?") {
        let notice = Notice {
            address: Address { bucket: "logs".into(), key },
            size: Some(size),
            etag: Some(etag),
            ..notice()
        };
        prop_assert_eq!(notices(&notice.message()), Ok(vec![notice.clone()]));
        let unknown = Notice::at(notice.address);
        prop_assert_eq!(notices(&unknown.message()), Ok(vec![unknown.clone()]));
    }

    /// A message with anything in the place of any of its values, or cut, is read or refused.
    #[test]
    fn no_message_is_fatal(
        place in 0_usize..12,
        value in prop_oneof![
            Just("null".to_owned()), Just("[]".to_owned()), Just("{}".to_owned()),
            any::<i64>().prop_map(|n| n.to_string()), any::<f64>().prop_map(|n| format!("{n:e}")),
            "\\PC*".prop_map(|text| serde_json::json!(text).to_string()),
        ],
        cut in any::<prop::sample::Index>(),
        wraps in 0..3_usize,
    ) {
        let mut pieces: Vec<String> = RECORD.split(": ").map(str::to_owned).collect();
        let at = 1 + place % (pieces.len() - 1);
        let end = pieces[at].find([',', '}', '\n']).unwrap_or(pieces[at].len());
        pieces[at].replace_range(..end, &value);
        let mut message = s3_event(&[&pieces.join(": ")]);
        for _ in 0..wraps {
            message = serde_json::json!({ "Message": message }).to_string();
        }
        let _ = notices(&message);
        let cut = cut.index(message.len());
        let _ = notices(message.get(..cut).unwrap_or_default());
    }
}
