//! Workers that die at any step leave a lake in which every row is once.
//!
//! The queue, the bucket and the store of the lake are in memory; each worker reaches them through a
//! [`Process`] that dies where the test says so.

pub(crate) mod memory;
pub(crate) mod process;

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use arrow::util::display::{ArrayFormatter, FormatOptions};
use deltalake_core::logstore::{
    LogStore, LogStoreFactory, ObjectStoreFactory, ObjectStoreRef, StorageConfig, default_logstore,
    logstore_factories, object_store_factories,
};
use deltalake_core::{DeltaResult, DeltaTableError};
use futures::TryStreamExt;
use object_store::ObjectStore;
use object_store::memory::InMemory;
use object_store::path::Path;
use stagelight_ingest::{
    Address, Depth, Discoveries, Fate, GroupLimits, Metrics, Objects, Options, Queue, Worker,
    WorkerError, WorkerMetrics, WorkerOptions, ingest,
};
use stagelight_lake::{CompactionOptions, Lake};
use stagelight_query::{Engine, Settings};
use url::Url;

use self::memory::{MemoryBucket, MemoryQueue, StuckBucket};
use self::process::{Death, Process, Through};
use crate::stagelight::{lines, seed, tables};

const VISIBILITY: Duration = Duration::from_secs(30);

const MERGE_ALL: CompactionOptions = CompactionOptions {
    target_bytes: 128 << 20,
    min_files: 2,
    settled: Duration::ZERO,
    at_once: 2,
    dry_run: false,
};

/// The stores of `crashes://name/`, by name.
static STORES: LazyLock<Mutex<HashMap<String, Arc<dyn ObjectStore>>>> = LazyLock::new(|| {
    let scheme = Url::parse("crashes://").expect("a URL");
    object_store_factories().insert(scheme.clone(), Arc::new(Factory));
    logstore_factories().insert(scheme, Arc::new(Factory));
    Mutex::default()
});

struct Factory;

impl ObjectStoreFactory for Factory {
    fn parse_url_opts(&self, url: &Url, _: &StorageConfig) -> DeltaResult<(ObjectStoreRef, Path)> {
        let stores = STORES.lock().expect("no test panics with it");
        let store = stores.get(url.host_str().unwrap_or_default());
        let store = store.ok_or_else(|| DeltaTableError::generic("there is no such store"))?;
        Ok((Arc::clone(store), Path::from_url_path(url.path())?))
    }
}

impl LogStoreFactory for Factory {
    fn with_options(
        &self,
        store: ObjectStoreRef,
        root: ObjectStoreRef,
        location: &Url,
        options: &StorageConfig,
    ) -> DeltaResult<Arc<dyn LogStore>> {
        Ok(default_logstore(store, root, location, options))
    }
}

/// The address of the lake in `lakes`, as `process` reaches it.
pub(crate) fn lake_uri(process: &Arc<Process>, lakes: &Arc<dyn ObjectStore>) -> String {
    let name = format!("p{}", fastrand::u64(..));
    let store = Through::new(process, Arc::clone(lakes));
    STORES.lock().expect("no test panics with it").insert(name.clone(), store);
    format!("crashes://{name}/lake")
}

/// A queue, a bucket with logs in it, and a store with a lake.
struct World {
    queue: Arc<MemoryQueue>,
    bucket: Arc<MemoryBucket>,
    lakes: Arc<dyn ObjectStore>,
}

impl World {
    /// Everything is there and announced, some of it more than once.
    fn new(twice: usize, seed: u64) -> Self {
        let world = Self {
            queue: Arc::new(MemoryQueue::new(twice, seed)),
            bucket: Arc::default(),
            lakes: Arc::new(InMemory::new()),
        };
        let mut messages = Vec::new();
        for (second, (key, bytes)) in (1..).zip(OBJECTS.iter()) {
            messages.push(world.bucket.put(key, bytes.clone(), second));
        }
        let again = messages.iter().step_by(2).cloned().collect::<Vec<_>>();
        // The oldest version is announced, and no longer there.
        world.queue.put(&messages);
        world.queue.put(&again);
        world
    }

    /// The lake, as `process` reaches it.
    async fn lake(&self, process: &Arc<Process>) -> Arc<Lake> {
        let uri = lake_uri(process, &self.lakes);
        while !process.is_dead() {
            // A process that cannot make it is started again by somebody.
            if let Ok(lake) = Lake::create(&uri).await {
                return Arc::new(lake);
            }
        }
        std::future::pending().await
    }

    /// Works as `process` until everything that was announced is in.
    async fn work(&self, process: &Arc<Process>) -> Result<(), WorkerError> {
        self.work_with(process, None).await
    }

    /// Works so, and gives up what was received `max_receives` times.
    async fn work_with(
        &self,
        process: &Arc<Process>,
        max_receives: Option<u32>,
    ) -> Result<(), WorkerError> {
        let worker = self.worker(process, max_receives);
        worker.run(self.lake(process).await, self.emptied()).await
    }

    fn worker(&self, process: &Arc<Process>, max_receives: Option<u32>) -> Worker {
        Worker {
            queue: Through::new(process, Arc::clone(&self.queue)),
            objects: Through::new(process, Arc::clone(&self.bucket)),
            options: WorkerOptions {
                threads: NonZeroUsize::MIN,
                bytes_in_flight: 36 << 20,
                commit: GroupLimits {
                    segments: 2,
                    age: Duration::from_millis(5),
                    ..GroupLimits::default()
                },
                visibility: VISIBILITY,
                max_receives,
                drain: Duration::from_secs(2),
                ..WorkerOptions::default()
            },
            metrics: Arc::default(),
            health: Arc::default(),
        }
    }

    /// Is done when everything that was announced is in.
    fn emptied(&self) -> impl Future<Output = ()> + Send + 'static {
        let queue = Arc::clone(&self.queue);
        async move {
            while !queue.is_empty() {
                tokio::time::sleep(Duration::from_millis(2)).await;
                // What was given back comes again soon, though sooner than who still holds a
                // message may expect.
                queue.advance(Duration::from_millis(200));
            }
        }
    }

    /// Works as a process that dies, or does not fail otherwise.
    async fn work_and_die(&self, process: &Arc<Process>) {
        tokio::select! {
            biased;
            () = process.died() => {}
            _ = self.work(process) => {}
        }
        self.queue.advance(VISIBILITY);
    }

    /// Merges files as `process`, which may die.
    async fn merge(&self, process: &Arc<Process>) {
        let merge = async {
            let lake = self.lake(process).await;
            lake.compact(&MERGE_ALL).await
        };
        tokio::select! {
            biased;
            () = process.died() => {}
            _ = merge => {}
        }
    }

    async fn contents(&self) -> Vec<String> {
        contents(self.lake(&Process::new(None, 0, 0)).await).await
    }
}

/// Keys and bytes: a rolling log, a single one, one that grows, one with bad lines, and no log.
static OBJECTS: LazyLock<Vec<(&str, Vec<u8>)>> = LazyLock::new(|| {
    let rolled =
        lines("rolled-40/eventlog_v2_local-1795371780452/events_1_local-1795371780452.zstd");
    let retried =
        lines("retry-40/eventlog_v2_app-20261122182032-0000/events_1_app-20261122182032-0000.zstd");
    let text = |lines: &[String]| lines.concat().into_bytes();
    let damaged = [text(&retried[..20]), b"{\"Event\": nothing}\n".to_vec()].concat();
    vec![
        ("spark/eventlog_v2_local-1/events_1_local-1", text(&rolled[..30])),
        ("spark/eventlog_v2_local-1/events_2_local-1", text(&rolled[30..45])),
        ("spark/eventlog_v2_local-1/events_3_local-1", text(&rolled[45..60])),
        ("spark/growing.inprogress", text(&retried[..30])),
        ("spark/damaged", damaged),
        ("spark/no-log", b"nothing\nof\nthis\nis\nan event\n".to_vec()),
        ("spark/growing.inprogress", text(&retried[..60])),
    ]
});

/// Every row of every table, in one order, but for when it was read.
async fn contents(lake: Arc<Lake>) -> Vec<String> {
    let engine = Engine::new(lake, &Settings::default()).await.expect("an engine");
    let mut rows = Vec::new();
    for table in tables() {
        let answer = engine.stream(&format!("SELECT * FROM lake.{table}")).await;
        let batches: Vec<_> = answer.expect("an answer").try_collect().await.expect("rows");
        for batch in batches {
            let schema = batch.schema();
            let options = FormatOptions::default().with_null("NULL");
            let columns: Vec<_> = (0..batch.num_columns())
                .filter(|at| {
                    !matches!(schema.field(*at).name().as_str(), "ingested_at" | "seen_at")
                })
                .map(|at| ArrayFormatter::try_new(batch.column(at), &options).expect("a column"))
                .collect();
            for row in 0..batch.num_rows() {
                let values: Vec<_> =
                    columns.iter().map(|column| column.value(row).to_string()).collect();
                rows.push(format!("{table}: {}", values.join("|")));
            }
        }
    }
    rows.sort();
    rows
}

/// What one quiet reading of the bucket gives.
async fn quiet() -> Vec<String> {
    let world = World::new(0, 0);
    let lake = world.lake(&Process::new(None, 0, 0)).await;
    let bucket: Arc<dyn Objects> = Arc::clone(&world.bucket) as _;
    let place = Address { bucket: "logs".into(), key: "spark/".into() };
    let found = Discoveries::list(bucket, vec![place]);
    ingest(&lake, found, &Options::default(), Arc::default()).await.expect("all is read");
    contents(lake).await
}

fn same(expected: &[String], found: &[String], what: &str) {
    let missing: Vec<_> = expected.iter().filter(|row| !found.contains(row)).take(3).collect();
    let more: Vec<_> = found.iter().filter(|row| !expected.contains(row)).take(3).collect();
    assert!(
        expected == found,
        "{what}: {} rows and {} rows\nmissing: {missing:#?}\nmore: {more:#?}",
        expected.len(),
        found.len()
    );
}

#[tokio::test]
async fn a_worker_gives_what_one_quiet_reading_gives() {
    let expected = quiet().await;
    assert!(expected.len() > 100, "{} rows", expected.len());
    let world = World::new(0, 1);
    world.work(&Process::new(None, 0, 0)).await.expect("it ends");
    same(&expected, &world.contents().await, "a worker");
}

/// Others see at once what a worker held that was told to stop.
#[tokio::test]
async fn who_stops_gives_back_what_it_has_not_read() {
    let world = World::new(0, 1);
    let lake = world.lake(&Process::new(None, 0, 0)).await;
    let metrics: Arc<WorkerMetrics> = Arc::default();
    let worker = Worker {
        queue: Arc::clone(&world.queue) as _,
        objects: Arc::new(StuckBucket(Arc::clone(&world.bucket))),
        options: WorkerOptions {
            visibility: VISIBILITY,
            drain: Duration::from_millis(400),
            ..WorkerOptions::default()
        },
        metrics: Arc::clone(&metrics),
        health: Arc::default(),
    };
    let depth = async || world.queue.depth().await.expect("no error").expect("it is known");
    let all = depth().await.visible;
    let holds_some = async {
        while depth().await.in_flight == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let begun = Instant::now();
    worker.run(lake, holds_some).await.expect("a clean drain");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert!(metrics.messages(Fate::GivenBack) > 0);
    assert_eq!(depth().await, Depth { visible: all, in_flight: 0 });
}

/// What the lake does not take for a while is neither given up nor in it twice.
#[tokio::test]
async fn an_outage_of_the_lake_is_outlasted() {
    let expected = quiet().await;
    for (kind, times) in [("put facts data", 8), ("put facts log", 3), ("put ledger log", 3)] {
        let world = World::new(0, 1);
        let process = Process::new(None, 0, 0);
        process.fail(kind, times);
        world.work_with(&process, Some(1)).await.expect("it goes on");
        assert!(process.steps()[kind] > times, "{kind}: {:?}", process.steps());
        same(&expected, &world.contents().await, kind);
    }
}

/// Until then, a worker says how long it has held a message.
#[tokio::test]
async fn what_is_held_grows_old_while_the_lake_is_out_of_reach() {
    const A_WHILE: Duration = Duration::from_millis(300);
    let world = World::new(0, 1);
    let process = Process::new(None, 0, 0);
    let worker = world.worker(&process, None);
    let metrics = Arc::clone(&worker.metrics);
    let age = || {
        let families = metrics.families().into_iter();
        let mut ages =
            families.filter(|of| of.name == "stagelight_worker_oldest_message_age_seconds");
        ages.next().expect("it is told").samples[0].value
    };
    assert!(age() <= 0.0, "nothing is held");
    let observed = async {
        while age() <= 0.0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let mut before = age();
        for _ in 0..3 {
            tokio::time::sleep(A_WHILE).await;
            let now = age();
            assert!(now >= before + 0.9 * A_WHILE.as_secs_f64(), "{now} after {before}");
            before = now;
        }
        process.fail("put ledger log", 0);
    };
    let lake = world.lake(&process).await;
    process.fail("put ledger log", u64::MAX);
    let (ended, ()) = tokio::join!(worker.run(lake, world.emptied()), observed);
    ended.expect("it goes on");
}

/// Dies once at each kind of step, before it and after it.
#[tokio::test]
async fn a_crash_at_any_step_loses_and_doubles_nothing() {
    let seed = seed();
    let mut random = fastrand::Rng::with_seed(seed);
    let expected = quiet().await;
    let whole = Process::new(None, 0, 0);
    World::new(0, seed).work(&whole).await.expect("it ends");
    let steps = whole.steps();
    for kind in ["receive messages", "get segment", "put facts data", "put facts log"] {
        assert!(steps.contains_key(kind), "{kind} is not among {steps:?}");
    }
    for kind in ["put ledger data", "put ledger log", "delete messages"] {
        assert!(steps.contains_key(kind), "{kind} is not among {steps:?}");
    }
    for (step, times) in steps {
        for after in [false, true] {
            let death = Death { step: step.clone(), time: random.u64(1..=times), after };
            let world = World::new(0, seed);
            world.work_and_die(&Process::new(Some(death.clone()), 0, seed)).await;
            world.work(&Process::new(None, 0, seed)).await.expect("it ends");
            same(&expected, &world.contents().await, &format!("seed {seed}, {death:?}"));
        }
    }
}

/// Merging dies once at each kind of step, before it and after it.
#[tokio::test]
async fn a_crash_while_files_are_merged_loses_and_doubles_nothing() {
    let seed = seed();
    let mut random = fastrand::Rng::with_seed(seed);
    let expected = quiet().await;
    let worked = async || {
        let world = World::new(0, seed);
        world.work(&Process::new(None, 0, 0)).await.expect("it ends");
        world
    };
    let whole = Process::new(None, 0, 0);
    worked().await.merge(&whole).await;
    let steps = whole.steps();
    for kind in ["put facts data", "put facts log", "put ledger data", "put ledger log"] {
        assert!(steps.contains_key(kind), "{kind} is not among {steps:?}");
    }
    for (step, times) in steps {
        for after in [false, true] {
            let death = Death { step: step.clone(), time: random.u64(1..=times), after };
            let world = worked().await;
            world.merge(&Process::new(Some(death.clone()), 0, seed)).await;
            same(&expected, &world.contents().await, &format!("seed {seed}, {death:?}"));
            world.merge(&Process::new(None, 0, seed)).await;
            same(&expected, &world.contents().await, &format!("seed {seed}, after {death:?}"));
        }
    }
}

/// Three workers at once, of which one or another dies and is replaced, while everything fails now
/// and then, messages are handed out twice, and files are merged.
#[tokio::test]
async fn any_number_of_crashes_loses_and_doubles_nothing() {
    let expected = quiet().await;
    let first = seed();
    for seed in first..first + 3 {
        let world = World::new(5, seed);
        let random = Mutex::new(fastrand::Rng::with_seed(seed));
        let number = |to| random.lock().expect("no test panics with it").u64(..to);
        let running = Mutex::new(vec![None; 4]);
        let run = async |slot: usize| {
            while !world.queue.is_empty() {
                let process = Process::new(None, 300, number(u64::MAX));
                running.lock().expect("no test panics with it")[slot] = Some(Arc::clone(&process));
                if slot < 3 {
                    world.work_and_die(&process).await;
                } else {
                    world.merge(&process).await;
                }
            }
        };
        let mut kills = 0;
        let kill = async {
            while !world.queue.is_empty() {
                tokio::time::sleep(Duration::from_millis(number(600))).await;
                let victim = running.lock().expect("no test panics with it")[kills % 4].clone();
                victim.iter().for_each(|process: &Arc<Process>| process.kill());
                kills += 1;
            }
        };
        futures::join!(run(0), run(1), run(2), run(3), kill);
        world.work(&Process::new(None, 0, seed)).await.expect("it ends");
        same(&expected, &world.contents().await, &format!("seed {seed}, {kills} kills"));
    }
}
