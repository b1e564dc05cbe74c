use std::fs;
use std::path::Path;

use stagelight_ingest::{Options, discover, ingest};
use stagelight_lake::Lake;
use tempfile::TempDir;

use super::*;
use crate::engine::Settings;

const LOGS: [(&str, &str); 2] =
    [("billing-plain-35", "local-1795371532772"), ("inprogress-35", "local-1795371673465")];

/// A lake, and logs of `testdata` that grow.
struct Growing {
    folder: TempDir,
    lake: Arc<Lake>,
}

impl Growing {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("logs")).expect("a folder");
        let lake = Lake::create(&folder.path().join("lake").display().to_string()).await;
        Self { lake: Arc::new(lake.expect("a lake")), folder }
    }

    /// So many quarters of a log are there now.
    async fn grow(&self, (name, id): (&str, &str), quarters: usize) {
        let logs = self.folder.path().join("logs");
        let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/logs");
        let log = testdata.join(name).join(format!("eventlog_v2_{id}/events_1_{id}"));
        let log = fs::read_to_string(log).expect("a log");
        let lines: Vec<_> = log.split_inclusive('\n').collect();
        let there = lines[..lines.len() * quarters / 4].concat();
        fs::write(logs.join(id), there).expect("a file");
        let found = discover(std::slice::from_ref(&logs));
        ingest(&self.lake, found, &Options::default(), Arc::default()).await.expect("rows");
    }

    async fn engine(&self, memory_bytes: usize) -> Engine {
        let settings = Settings { memory_bytes, ..Settings::default() };
        Engine::new(Arc::clone(&self.lake), &settings).await.expect("an engine")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_what_is_too_large_what_was_computed_before_stays() {
    let growing = Growing::new().await;
    let count = |rows: &[RecordBatch]| rows.iter().map(RecordBatch::num_rows).sum::<usize>();
    let [first, second] = LOGS;
    let (_, id) = first;
    growing.grow(first, 2).await;
    growing.grow(second, 4).await;
    let large = growing.engine(1 << 31).await;
    assert_eq!(large.roll_up(|_, _| ()).await.expect("both").applications, 2);
    growing.grow(first, 4).await;

    let small = growing.engine(1 << 19).await;
    let rolled_up = small.roll_up(|_, _| ()).await.expect("it is told");
    assert_eq!((rolled_up.applications, rolled_up.too_large), (0, vec![id.to_owned()]));
    let mut live = LiveRollups::default();
    for _ in 0..2 {
        let rows = small.live_totals(&mut live).await.expect("rows of before");
        assert_eq!((count(&rows), live.too_large().collect::<Vec<_>>()), (2, vec![id]));
    }
    large.refresh().await.expect("it can be read");
    let rows = large.live_totals(&mut live).await.expect("still those of before");
    assert_eq!((count(&rows), live.too_large().len()), (2, 1), "it has not changed");
    assert_eq!(large.roll_up(|_, _| ()).await.expect("it fits").applications, 1);
    large.refresh().await.expect("it can be read");
    large.live_totals(&mut live).await.expect("rows of the lake");
    assert_eq!(live.too_large().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_what_is_too_large_the_newest_that_was_computed_is_told() {
    let [log, _] = LOGS;
    let of = |rows: &[RecordBatch]| progress(rows).remove(log.1).expect("it is told");
    for is_lake_newer in [true, false] {
        let growing = Growing::new().await;
        let large = growing.engine(1 << 31).await;
        let mut live = LiveRollups::default();
        let mut computed = Vec::new();
        for (quarters, is_in_lake) in [(2, !is_lake_newer), (3, is_lake_newer)] {
            growing.grow(log, quarters).await;
            large.refresh().await.expect("it can be read");
            if is_in_lake {
                assert_eq!(large.roll_up(|_, _| ()).await.expect("it fits").applications, 1);
                large.refresh().await.expect("it can be read");
                computed.push(of(&large.kept().await.expect("rows of the lake")));
            } else {
                computed.push(of(&large.live_totals(&mut live).await.expect("it fits")));
            }
        }
        growing.grow(log, 4).await;
        let small = growing.engine(1 << 19).await;
        let told = of(&small.live_totals(&mut live).await.expect("it is told"));
        assert_eq!(live.too_large().len(), 1);
        assert!(computed[0] < computed[1], "{computed:?}");
        assert_eq!(told, computed[1], "{is_lake_newer}");
    }
}

#[test]
fn portions_have_all_and_no_more_than_asked_for() {
    let of = |events| Application { events, keys: BTreeMap::new() };
    let events = [3, 9, 1, 1, 30, 2, 2, 2, 2];
    let all = events.iter().enumerate().map(|(n, events)| (format!("app-{n}"), of(*events)));
    let all = Applications(all.collect());
    let sizes = |portions: Vec<Applications>| -> Vec<Vec<i64>> {
        let sizes = |portion: &Applications| portion.0.values().map(|of| of.events).collect();
        portions.iter().map(sizes).collect()
    };
    let expected = vec![vec![3, 9], vec![1, 1], vec![30], vec![2, 2, 2], vec![2]];
    assert_eq!(sizes(all.portions(3, 12)), expected);
    assert!(Applications::default().portions(3, 12).is_empty());
}
