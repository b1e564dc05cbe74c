//! What keeps a lake quick to open and no larger than it need be.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use deltalake_core::DeltaTableError;
use deltalake_core::checkpoints::{cleanup_expired_logs_for, create_checkpoint};
use deltalake_core::operations::vacuum::VacuumMode;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use serde::Deserialize;
use stagelight_tables::{Table, all};

use crate::delta::{Named, TableLog};
use crate::error::LakeError;
use crate::lake::{Lake, facts};
use crate::source::SourceKey;

/// A file that no table has is kept as long as this at least, and so is what was removed from one:
/// who has just stored it commits it sooner, and who reads an earlier version is done by then.
pub const KEPT_AT_LEAST: Duration = Duration::from_secs(60 * 60);

/// So many commits since the last checkpoint are worth another.
const COMMITS: u64 = 10;
/// Tables that are worked on side by side.
const AT_ONCE: usize = 8;

/// What a checkpoint refers to itself by.
#[derive(Deserialize)]
struct LastCheckpoint {
    version: u64,
}

/// What became of a table's Delta log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checkpointed {
    /// Whether a checkpoint was written.
    pub written: bool,
    /// Entries of the log that were deleted.
    pub entries_deleted: u64,
}

/// Which files of a table were deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vacuumed {
    /// How many; on a dry run, how many would be.
    pub files: u64,
}

impl Lake {
    /// Writes a checkpoint for every table that has had commits since its last one, and deletes
    /// entries of their logs that are older than `keep` and that no reader needs any more.
    ///
    /// # Errors
    ///
    /// [`LakeError::Delta`] and [`LakeError::Store`].
    pub async fn checkpoint(
        &self,
        keep: Duration,
    ) -> Result<Vec<(&'static Table, Checkpointed)>, LakeError> {
        let keep = keep.max(KEPT_AT_LEAST);
        stream::iter(all())
            .map(async |table| Ok((table, self.checkpoint_table(table, keep).await?)))
            .buffered(AT_ONCE)
            .try_collect()
            .await
    }

    async fn checkpoint_table(
        &self,
        table: &'static Table,
        keep: Duration,
    ) -> Result<Checkpointed, LakeError> {
        let path = Path::from(format!("{}/_delta_log/_last_checkpoint", table.name));
        let last = match self.store().get(&path).await {
            Ok(found) => found.bytes().await.ok(),
            Err(_) => None,
        };
        let last = last.and_then(|json| serde_json::from_slice::<LastCheckpoint>(&json).ok());
        let since = last.map_or(0, |last| last.version);
        let mut log = self.table(table).await;
        let written = log.version().await?.saturating_sub(since) >= COMMITS;
        log.checkpoint(written, keep)
            .await
            .map(|entries_deleted| Checkpointed { written, entries_deleted })
            .map_err(LakeError::delta(table.name))
    }

    /// Deletes files that no table has: what was removed from one longer than `keep` ago, and what
    /// was stored before that and never committed. What was added to a table before that, and never
    /// got into the ledger, is removed from it, for other engines not to see it.
    ///
    /// # Errors
    ///
    /// [`LakeError::Delta`].
    pub async fn vacuum(
        &self,
        keep: Duration,
        dry_run: bool,
    ) -> Result<Vec<(&'static Table, Vacuumed)>, LakeError> {
        let keep = keep.max(KEPT_AT_LEAST);
        if !dry_run {
            self.remove_unknown(keep).await?;
        }
        stream::iter(all())
            .map(async |table| {
                let files = self.table(table).await.vacuum(keep, dry_run).await;
                Ok((table, Vacuumed { files: files.map_err(LakeError::delta(table.name))? }))
            })
            .buffered(AT_ONCE)
            .try_collect()
            .await
    }
}

impl Lake {
    async fn remove_unknown(&self, keep: Duration) -> Result<(), LakeError> {
        let before = (Utc::now() - keep).timestamp_millis();
        let ledger = self.ledger().await?;
        for table in facts() {
            let is_unknown = |file: &Named| {
                let key = SourceKey::of_file(&file.name);
                file.added_ms < before && key.is_some_and(|key| !ledger.has_key(key))
            };
            self.table(table).await.remove(is_unknown).await?;
        }
        Ok(())
    }
}

impl TableLog {
    /// Writes a checkpoint if `write` says so, and deletes entries that are older than `keep` and
    /// before a checkpoint; tells how many.
    async fn checkpoint(&mut self, write: bool, keep: Duration) -> Result<u64, DeltaTableError> {
        if write {
            create_checkpoint(self.delta(), None).await?;
        }
        let version = self.delta().snapshot()?.version();
        let before = Utc::now() - keep;
        let log = self.delta().log_store();
        let before = before.timestamp_millis();
        Ok(cleanup_expired_logs_for(version, log.as_ref(), before, None).await? as u64)
    }

    /// Deletes what the table has not any more, and has not had for as long as `keep`.
    async fn vacuum(&self, keep: Duration, dry_run: bool) -> Result<u64, DeltaTableError> {
        let keep = TimeDelta::from_std(keep).map_err(DeltaTableError::generic)?;
        let vacuum = self.delta().clone().vacuum().with_mode(VacuumMode::Full);
        let vacuum = vacuum.with_retention_period(keep).with_enforce_retention_duration(false);
        let (_, done) = vacuum.with_dry_run(dry_run).await?;
        Ok(done.files_deleted.len() as u64)
    }
}
