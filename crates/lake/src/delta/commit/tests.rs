use std::collections::HashSet;

use futures::future::join_all;
use object_store::{ObjectStoreExt, path::Path};
use stagelight_tables::QUARANTINE;

use super::*;
use crate::MayPass;
use crate::place::Place;

const LOG: &str = "quarantine/_delta_log";

/// A file of that name; nothing reads it.
fn file(name: String) -> StoredFile {
    let stats = r#"{"numRecords":1}"#.to_owned();
    StoredFile { table: QUARANTINE, name, size: 1, stats, stored_at: Utc::now() }
}

/// Logs of one table, as writers beside each other have them.
async fn logs<const N: usize>(folder: &tempfile::TempDir) -> (Place, [TableLog; N]) {
    let place = Place::at(&folder.path().display().to_string()).await.expect("a folder");
    place.make_tables("a folder").expect("folders");
    let mut logs = Vec::new();
    for _ in 0..N {
        logs.push(TableLog::open(&place, QUARANTINE, true).await.expect("a log"));
    }
    (place, logs.try_into().ok().expect("so many were opened"))
}

/// Where the log has an entry.
fn entry(version: u64) -> Path {
    Path::from(format!("{LOG}/{version:020}.json"))
}

async fn add_file(log: &mut TableLog, name: &str) -> Result<u64, LakeError> {
    let seen = log.seen_now().await?;
    log.add(vec![&file(name.to_owned())], seen).await
}

async fn names(log: &mut TableLog) -> HashSet<String> {
    log.now().await.expect("a table");
    log.named().expect("files").into_iter().map(|file| file.name).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_beside_each_other_lose_nothing() {
    const COMMITS: usize = 60;
    let folder = tempfile::tempdir().expect("a folder");
    let (_, logs) = logs::<4>(&folder).await;
    let writers = logs.into_iter().enumerate().map(|(writer, mut log)| {
        tokio::spawn(async move {
            let mut conflicts = 0;
            for n in 0..COMMITS {
                conflicts += add_file(&mut log, &format!("{writer}-{n}")).await.expect("a commit");
            }
            (log, conflicts)
        })
    });
    let mut conflicts = 0;
    for done in join_all(writers).await {
        let (mut log, met) = done.expect("no panic");
        assert_eq!(names(&mut log).await.len(), 4 * COMMITS);
        // The first version made the table.
        assert_eq!(log.seen_now().await.expect("a log").version, 4 * COMMITS as u64);
        conflicts += met;
    }
    assert!(conflicts > 0, "they did not meet");
    let checkpoint = folder.path().join(LOG).join("_last_checkpoint");
    assert!(checkpoint.exists(), "there were more than a hundred commits");
}

#[tokio::test]
async fn what_was_merged_meanwhile_is_not_added() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_, [mut writer, mut looking, mut maintainer]) = logs(&folder).await;
    let [late, new] = ["late", "new"].map(|name| file(name.to_owned()));
    let seen = writer.seen_now().await.expect("a log");
    looking.seen_now().await.expect("a log");
    add_file(&mut maintainer, "late").await.expect("somebody else was faster");
    let old = maintainer.files().await.expect("files").files;
    let merged = file("merged".to_owned());
    assert!(maintainer.rewrite(&old, Some(&merged), false).await.expect("it is merged"));
    looking.seen_now().await.expect("a log");

    let conflicts = writer.add(vec![&late], seen).await.expect("it is looked at");
    assert_eq!(conflicts, 1);
    // Who has looked already need not try.
    let conflicts = looking.add(vec![&late, &new], seen).await.expect("it is looked at");
    assert_eq!(conflicts, 0);
    assert_eq!(names(&mut writer).await, ["merged", "new"].map(str::to_owned).into());
}

#[tokio::test]
async fn a_log_of_which_the_first_entries_are_deleted_is_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let (place, [mut writer, mut other]) = logs(&folder).await;
    let seen = writer.seen_now().await.expect("a log");
    add_file(&mut other, "a").await.expect("a commit");
    other.now().await.expect("a table");
    other.checkpoint(true, Duration::ZERO).await.expect("a checkpoint");
    place.store.delete(&entry(seen.version)).await.expect("an entry");

    let conflicts = writer.add(vec![&file("b".to_owned())], seen).await.expect("a commit");
    assert_eq!(conflicts, 1);
    assert_eq!(names(&mut writer).await, ["a", "b"].map(str::to_owned).into());
}

#[tokio::test]
async fn what_was_seen_long_ago_is_not_gone_by() {
    let folder = tempfile::tempdir().expect("a folder");
    let (place, [mut writer, mut other]) = logs(&folder).await;
    let seen = writer.seen_now().await.expect("a log");
    for name in ["a", "b"] {
        add_file(&mut other, name).await.expect("a commit");
    }
    // Older entries are deleted once there is a checkpoint.
    other.now().await.expect("a table");
    other.checkpoint(true, Duration::ZERO).await.expect("a checkpoint");
    place.store.delete(&entry(seen.version + 1)).await.expect("an entry");

    let late = file("late".to_owned());
    for at in [seen.at - FRESH, Utc::now() + FRESH] {
        let error = writer.add(vec![&late], Seen { at, ..seen }).await.expect_err("long ago");
        assert!(
            error.may_pass() && error.to_string().contains("version 0 was the last"),
            "{error}"
        );
        // It looks at the whole log again.
        writer.seen = Some(Seen { at, ..seen });
        assert_eq!(writer.seen_now().await.expect("a log").version, 2);
    }
    add_file(&mut writer, "late").await.expect("a commit");
    assert_eq!(names(&mut writer).await.len(), 3);
}

#[tokio::test]
async fn a_table_that_is_made_another_meanwhile_is_not_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let (place, [mut writer]) = logs(&folder).await;
    let seen = writer.seen_now().await.expect("a log");
    let first = place.store.get(&entry(0)).await.expect("an entry").bytes().await.expect("bytes");
    let first = String::from_utf8(first.to_vec()).expect("text");
    let second = first.replace("stagelight.format\":\"", "stagelight.format\":\"0");
    place.store.put(&entry(1), second.into_bytes().into()).await.expect("it is another");

    for error in [
        writer.add(vec![&file("a".to_owned())], seen).await.expect_err("another format"),
        add_file(&mut writer, "a").await.expect_err("another format"),
        writer.add(vec![&file("a".to_owned())], seen).await.expect_err("another format"),
        writer.remove(|_| true).await.expect_err("another format"),
        writer.rewrite(&[], Some(&file("a".to_owned())), false).await.expect_err("another format"),
    ] {
        assert!(matches!(error, LakeError::Format { .. }), "{error}");
    }
    place.store.head(&entry(2)).await.expect_err("nothing was committed");
}
