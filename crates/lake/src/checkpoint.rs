//! Checkpoints of the tables' Delta logs, which keep a lake quick to open.

use std::time::Duration;

use chrono::Utc;
use deltalake_core::DeltaTableError;
use deltalake_core::checkpoints::{cleanup_expired_logs_for, create_checkpoint};
use deltalake_core::table::config::TablePropertiesExt;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use serde::Deserialize;
use stagelight_tables::{Table, all};

use crate::delta::TableLog;
use crate::error::LakeError;
use crate::lake::Lake;
use crate::vacuum::KEPT_AT_LEAST;

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
        log.now().await?;
        let checkpoint = async {
            let written = log.delta().snapshot()?.version().saturating_sub(since) >= COMMITS;
            let entries_deleted = log.checkpoint(written, keep).await?;
            Ok(Checkpointed { written, entries_deleted })
        };
        checkpoint.await.map_err(LakeError::delta(table.name))
    }
}

impl TableLog {
    /// Writes a checkpoint if `write` says so, and deletes entries that are older than `keep` and
    /// before a checkpoint, unless the table's properties forbid it; tells how many.
    pub(crate) async fn checkpoint(
        &self,
        write: bool,
        keep: Duration,
    ) -> Result<u64, DeltaTableError> {
        if write {
            create_checkpoint(self.delta(), None).await?;
        }
        let state = self.delta().snapshot()?;
        if !state.table_config().enable_expired_log_cleanup() {
            return Ok(0);
        }
        let version = state.version();
        let before = Utc::now() - keep.max(KEPT_AT_LEAST);
        let log = self.delta().log_store();
        let before = before.timestamp_millis();
        Ok(cleanup_expired_logs_for(version, log.as_ref(), before, None).await? as u64)
    }
}
