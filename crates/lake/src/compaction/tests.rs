use proptest::prelude::*;

use super::*;

const TARGET: u64 = 100;

fn options() -> CompactionOptions {
    CompactionOptions { target_bytes: TARGET, min_files: 4, ..CompactionOptions::default() }
}

fn day(n: u64) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, 1).expect("a day") + chrono::Days::new(n)
}

fn file(path: &str, size: u64) -> LakeFile {
    LakeFile {
        path: path.to_owned(),
        size,
        rows: None,
        app_ids: Some(("app".to_owned(), "app".to_owned())),
        has_one_app_id: true,
        shown: None,
    }
}

fn candidates(day: NaiveDate, sizes: &[u64]) -> Vec<Candidate> {
    let files = (0..).zip(sizes);
    files
        .map(|(n, size)| Candidate {
            file: file(&format!("{day}-{n}"), *size),
            day,
            has_replaced: false,
        })
        .collect()
}

/// How many files become one, of each merge.
fn planned(candidates: Vec<Candidate>, today: NaiveDate) -> Vec<usize> {
    plan(candidates, &options(), today).iter().map(|merge| merge.files.len()).collect()
}

#[test]
fn a_day_that_is_over_is_merged_sooner() {
    assert_eq!(planned(candidates(day(1), &[1, 1]), day(2)), [2]);
    assert!(planned(candidates(day(1), &[1]), day(2)).is_empty());
    assert!(planned(candidates(day(2), &[1, 1, 1]), day(2)).is_empty());
    assert_eq!(planned(candidates(day(2), &[1, 1, 1, 1]), day(2)), [4]);
}

#[test]
fn days_are_not_mixed() {
    let two = candidates(day(1), &[1]).into_iter().chain(candidates(day(2), &[1]));
    assert!(planned(two.collect(), day(9)).is_empty());
}

#[test]
fn large_files_are_left_alone() {
    assert!(planned(candidates(day(1), &[50, 70, 1]), day(2)).is_empty());
    assert_eq!(planned(candidates(day(1), &[49, 49, 49, 49, 49]), day(2)), [3, 2]);
}

#[test]
fn what_was_replaced_is_left_out_of_a_file_of_any_size() {
    let mut candidates = candidates(day(2), &[500]);
    candidates[0].has_replaced = true;
    assert_eq!(planned(candidates, day(2)), [1]);
}

proptest! {
    /// Again and again, until nothing is worth merging: that is soon, and no file is lost.
    #[test]
    fn merging_comes_to_an_end(sizes in prop::collection::vec(0..120_u64, 0..60)) {
        let mut files: BTreeMap<String, u64> =
            sizes.iter().enumerate().map(|(n, size)| (format!("file-{n}"), *size)).collect();
        let bytes = files.values().sum::<u64>();
        for round in 0.. {
            prop_assert!(round < 8, "{} files", files.len());
            let candidates = files.iter().map(|(path, size)| Candidate {
                file: file(path, *size),
                day: day(1),
                has_replaced: false,
            });
            let merges = plan(candidates.collect(), &options(), day(2));
            if merges.is_empty() {
                break;
            }
            for (n, merge) in merges.iter().enumerate() {
                for merged in &merge.files {
                    prop_assert!(files.remove(&merged.path).is_some(), "{} is merged twice", merged.path);
                }
                files.insert(format!("merged-{round}-{n}"), merge.bytes());
            }
        }
        prop_assert_eq!(files.values().sum::<u64>(), bytes);
        prop_assert!(files.values().filter(|size| **size < TARGET / 2).count() < 2);
    }
}

mod rows {
    use chrono::DateTime;
    use stagelight_eventlog::{Identity, Value};
    use stagelight_tables::{RowContext, TableBuilder};

    use super::*;
    use crate::ledger::{Ingested, Layout};
    use crate::segment::{SegmentWriter, StoredFile};
    use crate::source::SourceId;

    /// A segment with one row in quarantine, stored and not committed.
    async fn segment(lake: &Lake, n: u64) -> Ingested {
        let identity = Identity { app_id: format!("app-{n}"), attempt_id: None };
        let source = SourceId { uri: format!("file:///logs/app-{n}"), etag: "1".to_owned() };
        let mut builder = TableBuilder::new(QUARANTINE, identity.clone(), 1);
        let given = QUARANTINE.columns().filter(|c| c.source == stagelight_tables::Source::Given);
        let values: Vec<_> = given.map(|_| Value::Null).collect();
        let context = RowContext { line: 1, event: "", raw: "" };
        builder.append(context, &values).expect("nothing is required");
        let mut files = Vec::new();
        let mut keep = |file| {
            files.push(file);
            Ok::<_, LakeError>(())
        };
        let mut writer = SegmentWriter::new(source.clone(), &identity.app_id, &mut keep);
        writer.write(QUARANTINE, &builder.take()).expect("it is written");
        writer.finish().expect("it ends");
        let mut stored: Vec<StoredFile> = Vec::new();
        for file in files {
            stored.push(lake.put(file).await.expect("it is stored"));
        }
        Ingested {
            source,
            modified: DateTime::UNIX_EPOCH,
            identity,
            segment: 1,
            layout: Layout::Single,
            codec: "none",
            size: 1,
            bytes_uncompressed: 1,
            events: 1,
            rows: 1,
            quarantined: 1,
            last_event_ms: None,
            files: stored,
        }
    }

    async fn rows(lake: &Lake) -> Option<usize> {
        let files = lake.table(QUARANTINE).await.files().await.expect("files").files;
        files.iter().map(|file| file.rows).sum()
    }

    /// Somebody has read the ledger before a segment was in it, and adds its file when that was
    /// merged already.
    #[tokio::test]
    async fn a_file_that_was_merged_meanwhile_is_not_added_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let lake = Lake::create(&folder.path().display().to_string()).await.expect("a lake");
        let segments = vec![segment(&lake, 1).await, segment(&lake, 2).await];
        let since = lake.table(QUARANTINE).await.seen_now().await.expect("a log");
        lake.commit(segments.clone()).await.expect("it is committed");
        lake.compact(&CompactionOptions::default()).await.expect("it is merged");
        assert_eq!(rows(&lake).await, Some(2));
        let files = lake.table(QUARANTINE).await.files().await.expect("files").files;
        assert_eq!(files.len(), 1, "{files:?}");

        let late: Vec<_> = segments[0].files.iter().collect();
        lake.table(QUARANTINE).await.add(late.clone(), since).await.expect("it is looked at");
        assert_eq!(rows(&lake).await, Some(2));
        // Who began after that would have found the segment in the ledger.
        let now = lake.table(QUARANTINE).await.seen_now().await.expect("a log");
        lake.table(QUARANTINE).await.add(late, now).await.expect("it is added");
        assert_eq!(rows(&lake).await, Some(3));
    }

    #[tokio::test]
    async fn a_merge_is_given_up_where_others_have_changed_its_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let uri = folder.path().display().to_string();
        let lake = Lake::create(&uri).await.expect("a lake");
        lake.commit(vec![segment(&lake, 1).await, segment(&lake, 2).await])
            .await
            .expect("it is in");
        let before = lake.table(QUARANTINE).await.files().await.expect("files").files;
        let other = Lake::open(&uri).await.expect("the lake");
        other.compact(&CompactionOptions::default()).await.expect("it is merged");
        let merged = segment(&lake, 3).await.files.remove(0);
        let rewritten = lake.table(QUARANTINE).await.rewrite(&before, Some(&merged), false).await;
        assert!(!rewritten.expect("it is looked at"));
        assert_eq!(rows(&lake).await, Some(2));
    }

    /// What a process has left that died before the ledger had its segment, and the segment itself
    /// when it comes again.
    #[tokio::test]
    async fn what_never_got_into_the_ledger_can_be_removed_and_comes_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let lake = Lake::create(&folder.path().display().to_string()).await.expect("a lake");
        let late = segment(&lake, 1).await;
        let files: Vec<_> = late.files.iter().collect();
        let since = lake.table(QUARANTINE).await.seen_now().await.expect("a log");
        lake.table(QUARANTINE).await.add(files.clone(), since).await.expect("it is added");
        lake.vacuum(Duration::from_secs(3600), false).await.expect("nothing is old");
        assert_eq!(rows(&lake).await, Some(1));

        let mut log = lake.table(QUARANTINE).await;
        log.remove(|_| true).await.expect("it is removed");
        drop(log);
        assert_eq!(rows(&lake).await, Some(0));
        // Who had read the table before that adds it all the same.
        lake.table(QUARANTINE).await.add(files, since).await.expect("it is added");
        assert_eq!(rows(&lake).await, Some(1));
        lake.commit(vec![late]).await.expect("it is committed");
        assert_eq!(rows(&lake).await, Some(1));
    }

    /// Somebody has read the ledger before the segments were in it whose files were merged since.
    #[tokio::test]
    async fn what_an_old_ledger_does_not_know_is_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let lake = Lake::create(&folder.path().display().to_string()).await.expect("a lake");
        let old = Arc::new(lake.ledger().await.expect("a ledger"));
        for n in [1, 3] {
            let segments = vec![segment(&lake, n).await, segment(&lake, n + 1).await];
            lake.commit(segments).await.expect("it is committed");
            lake.compact(&CompactionOptions::default()).await.expect("it is merged");
        }
        let options = CompactionOptions::default();
        let now = Utc::now();
        lake.compact_table(QUARANTINE, &old, &options, now).await.expect("it is merged");
        assert_eq!(rows(&lake).await, Some(4));
        let contents = lake.contents().await.expect("contents");
        let quarantine = contents.tables.iter().find(|t| t.table.name == QUARANTINE.name);
        let shown: Option<usize> =
            quarantine.expect("a table").files.iter().map(|file| file.rows).sum();
        assert_eq!(shown, Some(4));
    }
}
