use std::ops::Range;

use async_trait::async_trait;
use chrono::DateTime;

use super::*;
use crate::objects::{Page, Part};

/// A bucket of names, listed three at a time.
#[derive(Debug)]
struct Names(Vec<String>);

#[async_trait]
impl Objects for Names {
    async fn head(&self, _: &Address) -> Result<Object, ObjectError> {
        Err(ObjectError::Gone)
    }

    async fn get(&self, _: &Address, _: Option<&str>, _: Range<u64>) -> Result<Part, ObjectError> {
        Err(ObjectError::Gone)
    }

    async fn list(&self, prefix: &Address, page: Option<&str>) -> Result<Page, ObjectError> {
        let mut keys: Vec<_> = self.0.iter().filter(|key| key.starts_with(&prefix.key)).collect();
        keys.sort();
        let from = page.map_or(0, |page| page.parse().expect("a number"));
        let to = (from + 3).min(keys.len());
        let objects = keys[from..to].iter().map(|key| Object {
            address: Address { bucket: prefix.bucket.clone(), key: (*key).clone() },
            etag: "e".to_owned(),
            size: 1,
            modified: DateTime::UNIX_EPOCH,
        });
        let next = (to < keys.len()).then(|| to.to_string());
        Ok(Page { objects: objects.collect(), next })
    }

    async fn delete(&self, object: &Object) -> Result<(), ObjectError> {
        Err(ObjectError::Refused(object.address.to_string()))
    }
}

async fn found(keys: &[&str], place: &str, together: usize) -> Vec<Discovery> {
    let objects = Arc::new(Names(keys.iter().map(|key| (*key).to_owned()).collect()));
    let place = Address::parse(place).expect("a place");
    list(objects, place, together).try_collect().await.expect("a listing")
}

fn uris(discoveries: &[Discovery]) -> Vec<&str> {
    let mut uris: Vec<_> = discoveries
        .iter()
        .flat_map(|discovery| &discovery.segments)
        .map(|segment| segment.source.uri.as_str())
        .collect();
    uris.sort_unstable();
    uris
}

const KEYS: [&str; 12] = [
    "spark/app-1",
    "spark/app-10",
    "spark/app-11",
    "spark/app-12",
    "spark/app-13",
    "spark/app-1/not-of-it",
    "spark/eventlog_v2_app-2/appstatus_app-2",
    "spark/eventlog_v2_app-2/events_1_app-2",
    "spark/eventlog_v2_app-2/events_2_app-2",
    "spark/eventlog_v2_app-2/events_3_app-2",
    "spark/eventlog_v2_app-2/events_4_app-2",
    "spark/eventlog_v2_app-3/events_1_app-3",
];

#[tokio::test]
async fn all_pages_are_listed() {
    for together in [1, 2, 3, 5, 100] {
        let all = found(&KEYS, "s3://logs/spark/", together).await;
        assert_eq!(uris(&all).len(), 11, "{together}");
        let logs: usize = all.iter().map(|discovery| discovery.logs).sum();
        assert_eq!(logs, 8, "{together}: a log is in one part");
        assert!(all.iter().all(|discovery| discovery.problems.is_empty()));
    }
}

#[tokio::test]
async fn a_name_means_an_object_or_a_folder() {
    let one = found(&KEYS, "s3://logs/spark/app-1", 100).await;
    assert_eq!(uris(&one), ["s3://logs/spark/app-1", "s3://logs/spark/app-1/not-of-it"]);
    let log = found(&KEYS, "s3://logs/spark/eventlog_v2_app-2", 100).await;
    assert_eq!(uris(&log).len(), 4);
    assert_eq!(uris(&found(&KEYS, "s3://logs", 100).await).len(), 11);
}

#[tokio::test]
async fn nothing_is_worth_a_word() {
    for place in ["s3://logs/other/", "s3://logs/spark/app"] {
        let none = found(&KEYS, place, 100).await;
        let problems: Vec<_> = none.iter().flat_map(|discovery| &discovery.problems).collect();
        assert_eq!(problems.len(), 1, "{place}");
        assert_eq!((&problems[0].1[..], &problems[0].2), (place, &Problem::NoSegments));
    }
}
