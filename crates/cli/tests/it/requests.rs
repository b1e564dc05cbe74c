//! What a lake in a bucket is asked for by who serves it: buckets cost by the request.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use object_store::ObjectStore;
use object_store::memory::InMemory;
use stagelight_ingest::{Options, discover, ingest};
use stagelight_lake::Lake;
use stagelight_query::{Engine, LiveRollups, Metric, Settings};

use crate::crashes::lake_uri;
use crate::crashes::process::Process;
use crate::stagelight::log;

const LONG: Duration = Duration::from_secs(3650 * 86_400);

/// Files of the lake's tables but the ledger.
async fn files(lakes: &Arc<dyn ObjectStore>) -> usize {
    let all: Vec<_> = lakes.list(None).try_collect().await.expect("they can be listed");
    let paths = all.iter().map(|file| file.location.to_string());
    paths.filter(|path| !path.contains("_delta_log") && !path.contains("sources/")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_news_two_are_enough_and_a_part_of_a_file_is_read_once() {
    let lakes: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let (worker, server) = (Process::new(None, 0, 0), Process::new(None, 0, 0));
    let lake = Arc::new(Lake::create(&lake_uri(&worker, &lakes)).await.expect("a lake"));
    let add = async |name| {
        let found = discover(&[log(name)]);
        ingest(&lake, found, &Options::default(), Arc::default()).await.expect("it is read");
    };
    let asked = |before: &BTreeMap<String, u64>| -> BTreeMap<String, u64> {
        let now = server.steps().into_iter();
        let since = now.map(|(kind, n)| (kind.clone(), n - before.get(&kind).unwrap_or(&0)));
        since.filter(|(_, n)| *n > 0).collect()
    };
    add("billing-plain-35").await;
    let served = Lake::open(&lake_uri(&server, &lakes)).await.expect("the lake is there");
    let engine = Engine::new(Arc::new(served), &Settings::default()).await.expect("an engine");
    let mut metrics = Metric::embedded().expect("headers are whole");
    // Some are enough, and sooner there.
    metrics.retain(|metric| metric.family.starts_with("spark_"));
    let mut live = LiveRollups::default();
    let mut snapshot = async || {
        let families = engine.families(&metrics, LONG, &mut live).await.expect("they are computed");
        families.families.iter().map(|family| family.samples.len()).sum::<usize>()
    };
    let series = snapshot().await;
    let one = files(&lakes).await;
    let read = server.steps()["get facts data"];
    // Two who ask at once both fetch a file.
    assert!(read <= 2 * one as u64, "{read} readings of {one} files");

    let before = server.steps();
    assert!(!engine.refresh_on_news().await.expect("it can be read"));
    assert_eq!(asked(&before), BTreeMap::from([("get ledger log".to_owned(), 2)]));
    let before = server.steps();
    assert_eq!(snapshot().await, series);
    assert_eq!(asked(&before), BTreeMap::new(), "all is in memory");

    add("spill-40").await;
    let before = server.steps();
    assert!(engine.refresh_on_news().await.expect("it can be read"));
    assert!(snapshot().await > series);
    let read = asked(&before)["get facts data"];
    let new = files(&lakes).await - one;
    assert!(read <= 2 * new as u64, "{read} readings of {new} new files");
}
