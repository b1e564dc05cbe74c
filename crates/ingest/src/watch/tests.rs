use std::fs::{self, File, OpenOptions};
use std::io::Write;

use stagelight_lake::Standing;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::*;
use crate::metrics::Metrics;

/// A noisy machine may take so long.
const LONG: Duration = Duration::from_secs(60);

fn start(app: &str) -> String {
    format!(
        r#"{{"Event":"SparkListenerApplicationStart","App Name":"a","App ID":"{app}","Timestamp":1,"User":"u"}}"#
    )
}

fn job_end(id: u32) -> String {
    format!(
        r#"{{"Event":"SparkListenerJobEnd","Job ID":{id},"Completion Time":2,"Job Result":{{"Result":"JobSucceeded"}}}}"#
    )
}

/// A folder that is followed into a lake.
struct Followed {
    home: TempDir,
    lake: Arc<Lake>,
    health: Arc<Health>,
    metrics: Arc<WatchMetrics>,
    stop: oneshot::Sender<()>,
    running: JoinHandle<Result<(), WatchError>>,
}

impl Followed {
    async fn new(sweep_every: Duration) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let folder = home.path().join("logs");
        fs::create_dir(&folder).expect("a folder");
        let uri = home.path().join("lake").display().to_string();
        let lake = Arc::new(Lake::create(&uri).await.expect("a lake"));
        let (health, metrics) = (Arc::<Health>::default(), Arc::<WatchMetrics>::default());
        let watch = Watch {
            folder,
            options: WatchOptions { sweep_every, ..WatchOptions::default() },
            metrics: Arc::clone(&metrics),
            health: Arc::clone(&health),
        };
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(watch.run(Arc::clone(&lake), async {
            let _ = stopped.await;
        }));
        Self { home, lake, health, metrics, stop, running }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// How many events count of each file, by its name.
    async fn events(&self) -> Vec<(String, u64)> {
        let ledger = self.lake.ledger().await.expect("a ledger");
        let counted = ledger.segments().filter(|segment| segment.standing == Standing::Counted);
        let name = |uri: &str| uri.rsplit('/').next().unwrap_or_default().to_owned();
        let mut events: Vec<_> =
            counted.map(|segment| (name(&segment.source.uri), segment.events)).collect();
        events.sort();
        events
    }

    async fn until_events_are(&self, expected: &[(&str, u64)]) {
        let expected: Vec<_> = expected.iter().map(|(n, e)| ((*n).to_owned(), *e)).collect();
        let told = timeout(LONG, async {
            while self.events().await != expected {
                sleep(Duration::from_millis(20)).await;
            }
        });
        if told.await.is_err() {
            panic!("{:?} instead of {expected:?}", self.events().await);
        }
    }

    async fn until(&self, what: &str, is: impl Fn(&Self) -> bool) {
        let told = timeout(LONG, async {
            while !is(self) {
                sleep(Duration::from_millis(20)).await;
            }
        });
        told.await.expect(what);
    }

    /// How often it was measured how long a change took, once nothing more is measured: a commit ends
    /// when its rows have been seen for a while.
    async fn observed_latencies(&self) -> f64 {
        let now = || {
            let families = self.metrics.families();
            let latency = families.iter().find(|family| family.name.ends_with("queryable_seconds"));
            let samples = &latency.expect("it is there").samples;
            samples.iter().find(|sample| sample.suffix == "_count").expect("a histogram").value
        };
        let mut before = f64::NAN;
        while before != now() {
            before = now();
            sleep(Duration::from_secs(1)).await;
        }
        before
    }

    async fn end(self) {
        self.stop.send(()).expect("it runs");
        self.running.await.expect("no panic").expect("a clean end");
    }
}

fn append(file: &mut File, text: &str) {
    file.write_all(text.as_bytes()).expect("it grows");
    file.flush().expect("it grows");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_followed_through_all_that_happens_to_it() {
    let followed = Followed::new(Duration::from_secs(1)).await;
    let [unfinished, finished] = ["logs/a.inprogress", "logs/a"].map(|name| followed.at(name));
    let mut file = File::create(&unfinished).expect("a file");
    followed.until_events_are(&[("a.inprogress", 0)]).await;
    append(&mut file, &format!("{}\n{}", start("a"), &job_end(0)[..30]));
    followed.until_events_are(&[("a.inprogress", 1)]).await;
    append(&mut file, &format!("{}\n{}\n", &job_end(0)[30..], &job_end(1)));
    followed.until_events_are(&[("a.inprogress", 3)]).await;
    let observed = followed.observed_latencies().await;
    fs::rename(&unfinished, &finished).expect("it is finished");
    followed.until_events_are(&[("a", 3)]).await;
    // What was in progress is not only of no account: after a sweep, it has never been.
    let all = async || followed.lake.ledger().await.expect("a ledger").segments().count();
    let told = timeout(LONG, async {
        while all().await > 1 {
            sleep(Duration::from_millis(20)).await;
        }
    });
    told.await.expect("the unfinished file is forgotten");
    assert_eq!(followed.observed_latencies().await, observed, "another name is no news");

    // Cut and begun anew, then replaced, then gone.
    fs::write(&finished, start("a") + "\n").expect("it is written anew");
    followed.until_events_are(&[("a", 1)]).await;
    fs::write(followed.at("b"), format!("{}\n{}\n", start("a"), job_end(0))).expect("a file");
    fs::rename(followed.at("b"), &finished).expect("it is replaced");
    followed.until_events_are(&[("a", 2)]).await;
    fs::remove_file(&finished).expect("it is removed");
    fs::write(followed.at("logs/c"), start("c") + "\n").expect("a file");
    followed.until_events_are(&[("a", 2), ("c", 1)]).await;
    followed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_event_tells_a_sweep_finds() {
    let followed = Followed::new(Duration::from_millis(300)).await;
    let (file, elsewhere) = (followed.at("logs/a"), followed.at("elsewhere"));
    fs::write(&file, start("a") + "\n").expect("a file");
    followed.until_events_are(&[("a", 1)]).await;
    fs::hard_link(&file, &elsewhere).expect("another name");
    // What is written through a name in another folder is not told here.
    let mut growing = OpenOptions::new().append(true).open(&elsewhere).expect("the file");
    append(&mut growing, &format!("{}\n", job_end(0)));
    followed.until_events_are(&[("a", 2)]).await;
    let families = followed.metrics.families();
    let swept = families.iter().find(|family| family.name.contains("swept")).expect("it is there");
    assert!(swept.samples[0].value >= 1.0, "{swept:?}");
    followed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_goes_is_waited_for() {
    let followed = Followed::new(Duration::from_secs(3600)).await;
    fs::write(followed.at("logs/a"), start("a") + "\n").expect("a file");
    followed.until_events_are(&[("a", 1)]).await;
    assert_eq!(followed.health.problem(), None);
    fs::rename(followed.at("logs"), followed.at("old")).expect("it is moved");
    followed.until("it is missed", |f| f.health.problem().is_some()).await;
    fs::create_dir_all(followed.at("new/eventlog_v2_b")).expect("a folder");
    let rolled = "new/eventlog_v2_b/events_1_b";
    fs::write(followed.at(rolled), start("b") + "\n").expect("a file");
    fs::rename(followed.at("new"), followed.at("logs")).expect("it is back");
    followed.until_events_are(&[("a", 1), ("events_1_b", 1)]).await;
    assert_eq!(followed.health.problem(), None);
    // Folders that come are followed, too.
    fs::create_dir(followed.at("logs/eventlog_v2_c")).expect("a folder");
    fs::write(followed.at("logs/eventlog_v2_c/events_1_c"), start("c") + "\n").expect("a file");
    followed.until_events_are(&[("a", 1), ("events_1_b", 1), ("events_1_c", 1)]).await;
    followed.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lake_that_goes_ends_it_and_is_not_made_again() {
    for (sweep_every, news) in [(3600, true), (1, false)] {
        let followed = Followed::new(Duration::from_secs(sweep_every)).await;
        fs::write(followed.at("logs/a"), start("a") + "\n").expect("a file");
        followed.until_events_are(&[("a", 1)]).await;
        fs::rename(followed.at("lake"), followed.at("moved")).expect("it is moved");
        if news {
            fs::write(followed.at("logs/b"), start("b") + "\n").expect("a file");
        }
        let Followed { home, running, stop: _stop, .. } = followed;
        let ended = timeout(LONG, running).await.expect("it ends").expect("no panic");
        let missing = matches!(ended, Err(WatchError::Lake(LakeError::Missing { .. })));
        assert!(missing, "{ended:?}");
        assert!(!home.path().join("lake").exists(), "nothing is in the way of moving it back");
    }
}

#[tokio::test]
async fn a_folder_that_was_never_there_is_an_error() {
    let home = tempfile::tempdir().expect("a folder");
    let watch = Watch {
        folder: home.path().join("logs"),
        options: WatchOptions::default(),
        metrics: Arc::default(),
        health: Arc::default(),
    };
    let error = watch.check().expect_err("no folder").to_string();
    assert!(error.contains("logs cannot be followed: No such file"), "{error}");
    assert!(error.contains("make it if it is not there yet"), "{error}");
}
