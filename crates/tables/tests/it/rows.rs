//! The same rows however the bytes come, and no others when some do not come.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::sync::LazyLock;

use arrow::array::RecordBatch;
use proptest::prelude::*;
use stagelight_eventlog::{Identity, Lines};
use stagelight_tables::{Rows, SUMS};

static LOG: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let log = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../testdata/logs/billing-plain-35/eventlog_v2_local-1795371532772/",
        "events_1_local-1795371532772"
    );
    fs::read(log).expect("a log of testdata")
});

/// Gives at most as many bytes a read as `sizes` say, over and over.
struct Chunked<'a> {
    bytes: &'a [u8],
    sizes: &'a [usize],
    reads: usize,
}

impl Read for Chunked<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let size = self.sizes[self.reads % self.sizes.len()];
        self.reads += 1;
        let size = size.min(out.len()).min(self.bytes.len());
        out[..size].copy_from_slice(&self.bytes[..size]);
        self.bytes = &self.bytes[size..];
        Ok(size)
    }
}

type Batches = BTreeMap<&'static str, Vec<RecordBatch>>;

/// The batches by table, and how many lines made none.
fn read(bytes: &[u8], sizes: &[usize]) -> (Batches, usize) {
    let identity = Identity { app_id: "app".to_owned(), attempt_id: None };
    let mut rows = Rows::new(&identity, 1);
    let mut lines = Lines::new(Chunked { bytes, sizes, reads: 0 }, 1 << 30);
    let mut rejected = 0;
    while let Some(line) = lines.next_line() {
        let mut line = line.expect("reading does not fail");
        rejected += usize::from(rows.push(&mut line).is_err());
    }
    let mut batches = Batches::new();
    for (table, batch) in rows.rest() {
        batches.entry(table.name).or_default().push(batch);
    }
    (batches, rejected)
}

static WHOLE: LazyLock<(Batches, usize)> = LazyLock::new(|| read(&LOG, &[usize::MAX]));

#[test]
fn a_log_fills_the_tables_that_it_has_events_for() {
    let (batches, rejected) = &*WHOLE;
    assert_eq!(*rejected, 0);
    for table in ["application_events", "environment_entries", "job_events", "task_ends"] {
        assert!(batches.contains_key(table), "{table}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_chunking_gives_the_same_rows(sizes in prop::collection::vec(1_usize..70_000, 1..6)) {
        let (batches, rejected) = read(&LOG, &sizes);
        prop_assert_eq!(rejected, 0);
        prop_assert!(batches == WHOLE.0);
    }

    #[test]
    fn any_truncation_loses_only_what_was_cut(cut in 0_usize..256_000) {
        let cut = cut.min(LOG.len());
        let (batches, rejected) = read(&LOG[..cut], &[usize::MAX]);
        prop_assert!(rejected <= 1, "only the last line can be bad");
        // What tasks add up to is less without those that were cut.
        let is_sum = |name| SUMS.iter().any(|table| table.name == name);
        for (table, batches) in batches.iter().filter(|(table, _)| !is_sum(**table)) {
            let some: usize = batches.iter().map(RecordBatch::num_rows).sum();
            let all: usize = WHOLE.0[table].iter().map(RecordBatch::num_rows).sum();
            prop_assert!(some <= all);
            prop_assert_eq!(&WHOLE.0[table][0].slice(0, some), &batches[0]);
        }
    }
}

#[test]
fn an_event_that_its_items_repeat_too_often_is_bad_and_not_the_end() {
    let start = |pool: usize, stages: usize| {
        let stages: Vec<_> =
            (0..stages).map(|id| format!("{{\"Stage ID\":{id},\"Stage Attempt ID\":0}}")).collect();
        format!(
            "{{\"Event\":\"SparkListenerJobStart\",\"Job ID\":1,\"Stage Infos\":[{}],\
             \"Properties\":{{\"spark.scheduler.pool\":\"{}\"}}}}\n",
            stages.join(","),
            "p".repeat(pool),
        )
    };
    // The second line has the shape of the first.
    let usual = start(16 << 10, 3000);
    let (batches, rejected) = read(usual.repeat(2).as_bytes(), &[usize::MAX]);
    assert_eq!(rejected, 0);
    assert_eq!(batches["stage_events"].iter().map(RecordBatch::num_rows).sum::<usize>(), 6000);

    let (batches, rejected) = read(start(8 << 20, 300).as_bytes(), &[usize::MAX]);
    assert_eq!(rejected, 1);
    assert_eq!(batches["stage_events"].iter().map(RecordBatch::num_rows).sum::<usize>(), 64);
}
