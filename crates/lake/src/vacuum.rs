//! Deleting files that no table has.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use stagelight_tables::{Table, all};

use crate::delta::{Named, TableLog};
use crate::error::LakeError;
use crate::lake::{Lake, facts};
use crate::ledger::Ledger;
use crate::source::SourceKey;

/// A file that no table has is kept as long as this at least, and so is what was removed from one:
/// who has just stored it commits it sooner, and who reads an earlier version is done by then.
pub const KEPT_AT_LEAST: Duration = Duration::from_secs(60 * 60);

/// What is not older is not deleted for a good while: a file that is about to be committed, or an
/// entry of a table's log.
pub(crate) const FRESH: TimeDelta = TimeDelta::seconds(KEPT_AT_LEAST.as_secs().cast_signed() / 2);

/// Tables that are worked on side by side.
const TABLES_AT_ONCE: usize = 4;
/// Files of one that are deleted side by side.
const FILES_AT_ONCE: usize = 8;

/// Which files of a table were deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vacuumed {
    /// How many; on a dry run, how many would be.
    pub files: u64,
}

impl Lake {
    /// Deletes files that no table has: what was removed from one longer than `keep` ago, and what
    /// was stored before that and never committed. What was added to a table before that, and never
    /// got into the ledger, is removed from it, for other engines not to see it.
    ///
    /// What a table does not know at all and the ledger says is in the lake is left where it is: a table's
    /// log that has lost an entry would cost its rows.
    ///
    /// delta-rs' own vacuum deletes what was removed long ago even where it has just been stored
    /// again, to be committed in a moment.
    ///
    /// # Errors
    ///
    /// [`LakeError::Delta`] and [`LakeError::Store`].
    pub async fn vacuum(
        &self,
        keep: Duration,
        dry_run: bool,
    ) -> Result<Vec<(&'static Table, Vacuumed)>, LakeError> {
        let keep = TimeDelta::from_std(keep.max(KEPT_AT_LEAST)).unwrap_or(TimeDelta::MAX);
        let before = Utc::now().checked_sub_signed(keep).unwrap_or(DateTime::<Utc>::MIN_UTC);
        let ledger = self.ledger().await?;
        if !dry_run {
            self.remove_unknown(&ledger, before).await?;
        }
        let counted = &ledger.unmerged().collect();
        stream::iter(all())
            .map(async |table| {
                Ok((table, self.vacuum_table(table, counted, before, dry_run).await?))
            })
            .buffered(TABLES_AT_ONCE)
            .try_collect()
            .await
    }

    async fn remove_unknown(
        &self,
        ledger: &Ledger,
        before: DateTime<Utc>,
    ) -> Result<(), LakeError> {
        for table in facts() {
            let is_unknown = |file: &Named| {
                let key = SourceKey::of_file(&file.name);
                let is_old = file.added_ms < before.timestamp_millis();
                is_old && key.is_some_and(|key| !ledger.has_key(key))
            };
            self.table(table).await.remove(is_unknown).await?;
        }
        Ok(())
    }

    async fn vacuum_table(
        &self,
        table: &'static Table,
        counted: &HashSet<SourceKey>,
        before: DateTime<Utc>,
        dry_run: bool,
    ) -> Result<Vacuumed, LakeError> {
        let store = self.store();
        let folder = Path::from(table.name);
        let error = |source| LakeError::Store { path: table.name.to_owned(), source };
        // The files before the table: what is committed between is in the table then.
        let old: Vec<ObjectMeta> = store
            .list(Some(&folder))
            .try_filter(|file| std::future::ready(file.last_modified < before))
            .try_collect()
            .await
            .map_err(error)?;
        let mut log = self.table(table).await;
        log.now().await?;
        let kept = log.kept().await?;
        drop(log);
        let mut deletable = Vec::new();
        let mut lost = 0;
        for file in &old {
            let Some(mut name) = file.location.prefix_match(&folder) else { continue };
            let Some(name) = name.next().filter(|_| name.next().is_none()) else { continue };
            if name.as_ref().starts_with(['_', '.']) {
                continue;
            }
            match kept.get(name.as_ref()) {
                Some(kept) if !kept.ends_before(before) => {}
                None if SourceKey::of_file(name.as_ref())
                    .is_some_and(|key| counted.contains(&key)) =>
                {
                    lost += 1;
                }
                _ => deletable.push(file.location.clone()),
            }
        }
        if lost > 0 {
            tracing::warn!(
                "table {} does not know {lost} files of segments that are in the lake: has something \
                 deleted entries of its log? They are kept",
                table.name
            );
        }
        if dry_run {
            return Ok(Vacuumed { files: deletable.len() as u64 });
        }
        let deleted = stream::iter(deletable)
            .map(|path| delete_if_old(store.as_ref(), path, before))
            .buffer_unordered(FILES_AT_ONCE)
            .try_fold(0, async |sum, is_deleted| Ok(sum + u64::from(is_deleted)));
        Ok(Vacuumed { files: deleted.await? })
    }
}

/// Deletes a file, but if somebody has stored it again since it was listed; tells whether it did.
async fn delete_if_old(
    store: &dyn ObjectStore,
    path: Path,
    before: DateTime<Utc>,
) -> Result<bool, LakeError> {
    let delete = async {
        if store.head(&path).await?.last_modified >= before {
            return Ok(false);
        }
        store.delete(&path).await.map(|()| true)
    };
    match delete.await {
        Err(object_store::Error::NotFound { .. }) => Ok(false),
        result => result.map_err(|source| LakeError::Store { path: path.to_string(), source }),
    }
}

/// How long a table keeps a file that it has had.
enum Kept {
    /// It has it.
    Has,
    /// It was removed then, in milliseconds since 1970.
    Removed(i64),
}

impl Kept {
    fn ends_before(&self, before: DateTime<Utc>) -> bool {
        matches!(self, Self::Removed(at) if *at < before.timestamp_millis())
    }
}

impl TableLog {
    /// The files that the table has, and those that its log says were removed.
    async fn kept(&self) -> Result<HashMap<String, Kept>, LakeError> {
        let log = self.delta().log_store();
        let removed = async {
            let mut kept = HashMap::new();
            let mut removed = self.delta().snapshot()?.all_tombstones(log.as_ref());
            while let Some(removed) = removed.try_next().await? {
                let at = removed.deletion_timestamp().unwrap_or_default();
                kept.insert(removed.path().into_owned(), Kept::Removed(at));
            }
            Ok(kept)
        };
        let mut kept = removed.await.map_err(self.error())?;
        kept.extend(self.named()?.into_iter().map(|file| (file.name, Kept::Has)));
        Ok(kept)
    }
}

#[cfg(test)]
mod tests {
    use object_store::PutPayload;
    use stagelight_tables::QUARANTINE;
    use tokio::time::sleep;

    use super::*;
    use crate::segment::StoredFile;

    #[tokio::test]
    async fn what_is_stored_again_is_kept_however_long_ago_it_was_removed() {
        const A_MOMENT: Duration = Duration::from_millis(20);
        let folder = tempfile::tempdir().expect("a folder");
        let lake = Lake::create(&folder.path().display().to_string()).await.expect("a lake");
        let path = Path::from(format!("{}/part-1.parquet", QUARANTINE.name));
        let store = lake.store();
        let rows = || PutPayload::from_static(b"rows");
        let deleted = async |before| {
            lake.vacuum_table(QUARANTINE, &HashSet::new(), before, false)
                .await
                .expect("it is looked at")
                .files
        };
        let soon = || Utc::now() + TimeDelta::seconds(1);
        store.put(&path, rows()).await.expect("it is stored");
        let file = StoredFile {
            table: QUARANTINE,
            name: "part-1.parquet".to_owned(),
            size: 4,
            stats: r#"{"numRecords":1}"#.to_owned(),
            stored_at: Utc::now(),
        };
        let mut log = lake.table(QUARANTINE).await;
        let seen = log.seen_now().await.expect("a log");
        log.add(vec![&file], seen).await.expect("it is added");
        drop(log);
        assert_eq!(deleted(soon()).await, 0, "the table has it");

        lake.table(QUARANTINE).await.remove(|_| true).await.expect("it is removed");
        assert_eq!(deleted(Utc::now() - TimeDelta::seconds(1)).await, 0, "somebody reads it");
        sleep(A_MOMENT).await;
        let since_then = Utc::now();
        sleep(A_MOMENT).await;
        store.put(&path, rows()).await.expect("it is stored again");
        assert_eq!(deleted(since_then).await, 0, "it is committed in a moment");
        assert_eq!(deleted(soon()).await, 1);
        assert!(store.head(&path).await.is_err());
    }
}
