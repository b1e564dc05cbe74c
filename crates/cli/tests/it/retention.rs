//! Deleting logs that the lake has.

use std::sync::Arc;

use stagelight_ingest::{Address, Discoveries, Objects, Options, Place, Retention, clean, ingest};
use stagelight_lake::Lake;

use crate::crashes::memory::MemoryBucket;
use crate::stagelight::lines;

#[tokio::test]
async fn a_log_that_cannot_be_deleted_is_told_and_the_others_are_deleted() {
    let log = lines("rolled-40/eventlog_v2_local-1795371780452/events_1_local-1795371780452.zstd");
    let bucket = MemoryBucket::default();
    let keys = ["spark/app-1", "spark/app-2", "spark/app-3"];
    for (second, key) in (1..).zip(keys) {
        bucket.put(key, log[..30].concat().into_bytes(), second);
    }
    bucket.lock(keys[1]);
    let bucket: Arc<dyn Objects> = Arc::new(bucket);
    let folder = tempfile::tempdir().expect("a folder");
    let lake = Lake::create(&folder.path().display().to_string()).await.expect("a lake");
    let lake = Arc::new(lake);
    let place = Address { bucket: "logs".into(), key: "spark/".into() };
    let found = Discoveries::list(Arc::clone(&bucket), vec![place.clone()]);
    ingest(&lake, found, &Options::default(), Arc::default()).await.expect("all is read");

    let all = Retention { max_logs: Some(0), ..Retention::default() };
    let ledger = lake.ledger().await.expect("a ledger");
    let cleaned = clean(&Place::Object(place.clone()), &bucket, &ledger, &all).await;
    let cleaned = cleaned.expect("the others are deleted");
    let deleted: Vec<_> = cleaned.deleted.iter().map(|log| log.uri.as_str()).collect();
    assert_eq!(deleted, ["s3://logs/spark/app-1", "s3://logs/spark/app-3"]);
    let [(uri, reason)] = &cleaned.failed[..] else { panic!("{:?}", cleaned.failed) };
    assert_eq!(uri, "s3://logs/spark/app-2");
    assert!(reason.contains("it is locked"), "{reason}");
    let left = bucket.list(&place, None).await.expect("a list").objects;
    assert_eq!(left.iter().map(|object| &object.address.key).collect::<Vec<_>>(), [keys[1]]);
}
