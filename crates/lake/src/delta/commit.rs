//! Committing to a table's Delta log.
//!
//! Who adds files follows the log entry by entry, from where it has seen it last, and writes the
//! next one: that takes two requests, however large the table is and whoever commits beside it.
//! delta-rs' own commit lists the log and puts the whole table together before each attempt.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use deltalake_core::DeltaTableError;
use deltalake_core::kernel::transaction::{CommitData, PROTOCOL, TransactionError};
use deltalake_core::kernel::{Action, Add, Remove};
use deltalake_core::logstore::{CommitOrBytes, commit_uri_from_version, get_actions};
use deltalake_core::protocol::{DeltaOperation, SaveMode};
use deltalake_core::table::config::TablePropertiesExt;
use object_store::ObjectStoreExt;
use uuid::Uuid;

use crate::delta::{Named, TableLog};
use crate::error::LakeError;
use crate::segment::StoredFile;
use crate::snapshot::LakeFile;
use crate::vacuum::FRESH;

/// A commit that somebody else was faster than so often is given up.
const COMMIT_CONFLICTS: u64 = 100;
/// Between two attempts at a commit, in milliseconds, at first and at most.
const PAUSE: u64 = 10;
const PAUSE_AT_MOST: u64 = 1_000;

/// Stands in the removal of a file whose rows are in another by now.
const MERGED_TAG: &str = "stagelight.merged";

/// How far a log was seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// Its last version.
    pub(crate) version: u64,
    /// When there was no later one.
    pub(crate) at: DateTime<Utc>,
}

impl Seen {
    /// Refuses what was seen so long ago that entries which came after it may be gone from the log:
    /// the next version would seem to be free.
    fn check(self) -> Result<Self, DeltaTableError> {
        // A clock that was set back says nothing.
        if (TimeDelta::zero()..FRESH).contains(&(Utc::now() - self.at)) {
            return Ok(self);
        }
        let Self { version, at } = self;
        Err(DeltaTableError::generic(format!("version {version} was the last at {at}, long ago")))
    }
}

impl TableLog {
    /// How far the log goes now.
    pub(crate) async fn seen_now(&mut self) -> Result<Seen, LakeError> {
        if let Some(seen) = self.seen.and_then(|seen| seen.check().ok()) {
            return Ok(self.follow(seen).await?.0);
        }
        let table = self.table.name;
        self.now().await?;
        self.seen.ok_or_else(|| LakeError::delta(table)(DeltaTableError::NotInitialized))
    }

    /// Adds `files` to the table. Tells how often somebody else was faster.
    ///
    /// A file that somebody has merged after `seen` is not added: its rows are in another one by
    /// now.
    pub(crate) async fn add(
        &mut self,
        mut files: Vec<&StoredFile>,
        mut seen: Seen,
    ) -> Result<u64, LakeError> {
        let mut attempts = Attempts::default();
        loop {
            let actions = files.iter().map(|file| Action::Add(add(file, true))).collect();
            let operation = DeltaOperation::Write {
                mode: SaveMode::Append,
                partition_by: None,
                predicate: None,
            };
            let commit = self.commit(actions, operation, seen, &mut attempts).await;
            if commit.map_err(LakeError::delta(self.table.name))? {
                return Ok(attempts.conflicts);
            }
            let (now, merged) = self.follow(seen).await?;
            files.retain(|file| !merged.contains(&file.name));
            seen = now;
        }
    }

    /// Removes the files that `is_gone`; whoever adds one of them again does so for good. Tells how
    /// often somebody else was faster.
    pub(crate) async fn remove(
        &mut self,
        is_gone: impl Fn(&Named) -> bool,
    ) -> Result<u64, LakeError> {
        let error = LakeError::delta(self.table.name);
        let mut attempts = Attempts::default();
        let remove = async {
            loop {
                let seen = self.update().await?;
                let gone = self.named()?.into_iter().filter(&is_gone);
                let actions = gone.map(|file| Action::Remove(remove(file.name, file.size, true)));
                let operation = DeltaOperation::Delete { predicate: None };
                if self.commit(actions.collect(), operation, seen, &mut attempts).await? {
                    return Ok(attempts.conflicts);
                }
            }
        };
        remove.await.map_err(error)
    }

    /// Puts `new`, which has their rows, in the place of the files `old`; `false` where one of these
    /// is not there any more. `fewer` says that some of the rows were left out.
    pub(crate) async fn rewrite(
        &mut self,
        old: &[LakeFile],
        new: Option<&StoredFile>,
        fewer: bool,
    ) -> Result<bool, LakeError> {
        let error = LakeError::delta(self.table.name);
        let mut attempts = Attempts::default();
        let target_size = new.map_or(0, |file| i64::try_from(file.size).unwrap_or(i64::MAX));
        let operation = || DeltaOperation::Optimize { predicate: None, target_size };
        let rewrite = async {
            loop {
                let seen = self.update().await?;
                let there: HashMap<String, i64> =
                    self.named()?.into_iter().map(|file| (file.name, file.size)).collect();
                let found = old.iter().map(|file| there.get_key_value(file.name()));
                let Some(found) = found.collect::<Option<Vec<_>>>() else { return Ok(false) };
                let removed = found.into_iter().map(|(name, size)| {
                    let tags = Some(HashMap::from([(MERGED_TAG.to_owned(), None)]));
                    Remove { tags, ..remove(name.clone(), *size, fewer) }
                });
                let added = new.map(|file| Action::Add(add(file, fewer)));
                let actions = removed.map(Action::Remove).chain(added).collect();
                if self.commit(actions, operation(), seen, &mut attempts).await? {
                    return Ok(true);
                }
            }
        };
        rewrite.await.map_err(error)
    }

    /// Follows the log from `seen` to its end, and tells which files were merged in between.
    async fn follow(&mut self, seen: Seen) -> Result<(Seen, HashSet<String>), LakeError> {
        let table = self.table.name;
        let mut seen = seen.check().map_err(LakeError::delta(table))?;
        let mut merged = HashSet::new();
        loop {
            let (next, at) = (seen.version + 1, Utc::now());
            let entry = self.delta.log_store().read_commit_entry(next).await;
            let Some(entry) = entry.map_err(LakeError::delta(table))? else {
                seen.at = at;
                self.seen = Some(seen);
                return Ok((seen, merged));
            };
            for action in get_actions(next, &entry).map_err(LakeError::delta(table))? {
                match action {
                    Action::Remove(removed) if is_merged(&removed) => {
                        merged.insert(removed.path);
                    }
                    // It may be a table by now that is not ours to write.
                    Action::Metadata(_) | Action::Protocol(_) => {
                        self.now().await?;
                    }
                    _ => {}
                }
            }
            seen.version = next;
        }
    }

    /// Commits `actions` as the version after the one that was `seen`; `false` where somebody else
    /// was faster.
    async fn commit(
        &mut self,
        actions: Vec<Action>,
        operation: DeltaOperation,
        seen: Seen,
        attempts: &mut Attempts,
    ) -> Result<bool, DeltaTableError> {
        if actions.is_empty() {
            return Ok(true);
        }
        PROTOCOL.can_commit(self.delta.snapshot()?, &actions, &operation)?;
        let entry = CommitData::new(actions, operation, HashMap::new(), Vec::new()).get_bytes()?;
        let entry = CommitOrBytes::LogBytes(entry);
        if attempts.conflicts == 0 {
            self.check_last(seen.version).await?;
        }
        let (version, at) = (seen.check()?.version + 1, Utc::now());
        match self.delta.log_store().write_commit_entry(version, entry, Uuid::new_v4()).await {
            Ok(()) => {}
            Err(TransactionError::VersionAlreadyExists(_))
                if attempts.conflicts < COMMIT_CONFLICTS =>
            {
                attempts.conflicts += 1;
                tokio::time::sleep(pause(attempts.conflicts)).await;
                return Ok(false);
            }
            Err(error) => return Err(error.into()),
        }
        tracing::debug!(table = self.table.name, version, "committed");
        self.seen = Some(Seen { version, at });
        // What was committed stands, whatever becomes of the checkpoint.
        if let Err(error) = self.checkpoint_if_due(version).await {
            tracing::warn!(table = self.table.name, %error, "no checkpoint was written");
        }
        Ok(true)
    }

    /// Refuses a log that does not have `version`: it is another one, and would have a hole with the
    /// next version. Nobody deletes the last entry of a log.
    async fn check_last(&self, version: u64) -> Result<(), DeltaTableError> {
        let entry = commit_uri_from_version(Some(version));
        match self.delta.log_store().object_store(None).head(&entry).await {
            Ok(_) => Ok(()),
            Err(object_store::Error::NotFound { .. }) => Err(DeltaTableError::generic(format!(
                "version {version} is gone from its log: the table was deleted or replaced"
            ))),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes a checkpoint, and deletes what no reader needs any more, where `version` is one of
    /// those after which the table's own properties ask for it.
    async fn checkpoint_if_due(&mut self, version: u64) -> Result<(), DeltaTableError> {
        let config = self.delta.snapshot()?.table_config();
        let keep = config.log_retention_duration();
        if (version + 1).is_multiple_of(config.checkpoint_interval().get()) {
            self.update().await?;
            self.checkpoint(true, keep).await?;
        }
        Ok(())
    }
}

/// Attempts at one commit.
#[derive(Default)]
struct Attempts {
    /// How often somebody else was faster.
    conflicts: u64,
}

/// How long to wait after so many conflicts: longer each time, and not as long as others do.
fn pause(conflicts: u64) -> Duration {
    let longest = (PAUSE << conflicts.min(7)).min(PAUSE_AT_MOST);
    Duration::from_millis(fastrand::u64(..=longest))
}

fn is_merged(removed: &Remove) -> bool {
    removed.tags.as_ref().is_some_and(|tags| tags.contains_key(MERGED_TAG))
}

fn add(file: &StoredFile, data_change: bool) -> Add {
    Add {
        path: file.name.clone(),
        size: i64::try_from(file.size).unwrap_or(i64::MAX),
        modification_time: Utc::now().timestamp_millis(),
        data_change,
        stats: Some(file.stats.clone()),
        ..Default::default()
    }
}

fn remove(name: String, size: i64, data_change: bool) -> Remove {
    Remove {
        path: name,
        data_change,
        deletion_timestamp: Some(Utc::now().timestamp_millis()),
        size: Some(size),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests;
