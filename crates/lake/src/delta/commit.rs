//! Committing to a table's Delta log.
//!
//! Who adds files follows the log entry by entry, from where it has seen it last, and writes the
//! next one. That is three requests, however large the table is: the next entry is not there yet,
//! the last one is this table's, the next is written. Each commit that somebody else makes meanwhile
//! is a request more, and each that comes between one more again. delta-rs' own commit lists the log
//! and puts the whole table together before each attempt.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use deltalake_core::DeltaTableError;
use deltalake_core::kernel::transaction::{CommitData, PROTOCOL, TransactionError};
use deltalake_core::kernel::{Action, Add, Remove};
use deltalake_core::logstore::{CommitOrBytes, get_actions};
use deltalake_core::protocol::{DeltaOperation, SaveMode};
use deltalake_core::table::config::TablePropertiesExt;
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
/// What was seen longer ago is not followed but read anew: there may be many entries by now.
const RECENT: TimeDelta = TimeDelta::minutes(1);

/// Stands in the removal of a file whose rows are in another by now.
const MERGED_TAG: &str = "stagelight.merged";
/// Says in each commit's information which table it is of, by the table's id: where a lake was
/// deleted and another made, the versions are the same and the table is not.
const TABLE_TAG: &str = "stagelight.table";

/// How far a log was seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// Its last version.
    pub(crate) version: u64,
    /// When there was no later one.
    pub(crate) at: DateTime<Utc>,
}

impl Seen {
    /// Whether that is less than `age` ago. A clock that was set back says nothing.
    fn is_within(self, age: TimeDelta) -> bool {
        (TimeDelta::zero()..age).contains(&(Utc::now() - self.at))
    }

    /// Refuses what was seen so long ago that entries which came after it may be gone from the log:
    /// the next version would seem to be free. A process may sleep at any moment, and so it is asked
    /// after the log has answered too.
    fn check(self) -> Result<Self, DeltaTableError> {
        if self.is_within(FRESH) {
            return Ok(self);
        }
        let Self { version, at } = self;
        Err(DeltaTableError::generic(format!("version {version} was the last at {at}, long ago")))
    }
}

impl TableLog {
    /// How far the log goes now.
    pub(crate) async fn seen_now(&mut self) -> Result<Seen, LakeError> {
        match self.seen {
            Some(seen) if seen.is_within(RECENT) => Ok(self.follow(seen).await?.0),
            _ => self.update().await,
        }
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
        // Somebody in this process may have gone on meanwhile.
        let mut is_last = self.seen.is_none_or(|last| last.version <= seen.version);
        loop {
            if !is_last {
                let (now, merged) = self.follow(seen).await?;
                files.retain(|file| !merged.contains(&file.name));
                seen = now;
            }
            let actions = files.iter().map(|file| Action::Add(add(file, true))).collect();
            let operation = DeltaOperation::Write {
                mode: SaveMode::Append,
                partition_by: None,
                predicate: None,
            };
            if self.commit(actions, operation, seen, &mut attempts).await? {
                return Ok(attempts.conflicts);
            }
            is_last = false;
        }
    }

    /// Removes the files that `is_gone`; whoever adds one of them again does so for good. Tells how
    /// often somebody else was faster.
    pub(crate) async fn remove(
        &mut self,
        is_gone: impl Fn(&Named) -> bool,
    ) -> Result<u64, LakeError> {
        let mut attempts = Attempts::default();
        loop {
            let seen = self.update().await?;
            let gone = self.named()?.into_iter().filter(&is_gone);
            let actions = gone.map(|file| Action::Remove(remove(file.name, file.size, true)));
            let operation = DeltaOperation::Delete { predicate: None };
            if self.commit(actions.collect(), operation, seen, &mut attempts).await? {
                return Ok(attempts.conflicts);
            }
        }
    }

    /// Puts `new`, which has their rows, in the place of the files `old`; `false` where one of these
    /// is not there any more. `fewer` says that some of the rows were left out.
    pub(crate) async fn rewrite(
        &mut self,
        old: &[LakeFile],
        new: Option<&StoredFile>,
        fewer: bool,
    ) -> Result<bool, LakeError> {
        let mut attempts = Attempts::default();
        let target_size = new.map_or(0, |file| i64::try_from(file.size).unwrap_or(i64::MAX));
        let operation = || DeltaOperation::Optimize { predicate: None, target_size };
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
    }

    /// Puts `new` in the place of all files that the table had at `version`; `false` where it has
    /// another version by now.
    pub(crate) async fn overwrite(
        &mut self,
        new: &StoredFile,
        version: u64,
    ) -> Result<bool, LakeError> {
        let mut attempts = Attempts::default();
        loop {
            let seen = self.update().await?;
            if seen.version != version {
                return Ok(false);
            }
            let old = self.named()?.into_iter();
            let removed = old.map(|file| Action::Remove(remove(file.name, file.size, true)));
            let actions = removed.chain([Action::Add(add(new, true))]).collect();
            let operation = DeltaOperation::Write {
                mode: SaveMode::Overwrite,
                partition_by: None,
                predicate: None,
            };
            if self.commit(actions, operation, seen, &mut attempts).await? {
                return Ok(true);
            }
        }
    }

    /// Follows the log from `seen` to its end, and tells which files were merged in between.
    async fn follow(&mut self, mut seen: Seen) -> Result<(Seen, HashSet<String>), LakeError> {
        let mut merged = HashSet::new();
        loop {
            let at = Utc::now();
            let entry = self.entry(seen.version + 1).await?;
            seen.check().map_err(self.error())?;
            let Some(actions) = entry else {
                seen.at = at;
                self.seen = Some(seen);
                return Ok((seen, merged));
            };
            for action in actions {
                match action {
                    Action::Remove(removed) if is_merged(&removed) => {
                        merged.insert(removed.path);
                    }
                    // It may be a table by now that is not ours to write.
                    Action::Metadata(_) | Action::Protocol(_) => {
                        self.update().await?;
                    }
                    _ => {}
                }
            }
            seen.version += 1;
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
    ) -> Result<bool, LakeError> {
        if actions.is_empty() {
            return Ok(true);
        }
        if attempts.conflicts == 0 && !self.is_last(seen.version).await? {
            attempts.conflicts += 1;
            return Ok(false);
        }
        let entry = self.encode(actions, operation).map_err(self.error())?;
        let version = seen.check().map_err(self.error())?.version + 1;
        let (log, at) = (self.delta.log_store(), Utc::now());
        match log.write_commit_entry(version, entry, Uuid::new_v4()).await {
            Ok(()) => {}
            Err(TransactionError::VersionAlreadyExists(_))
                if attempts.conflicts < COMMIT_CONFLICTS =>
            {
                attempts.conflicts += 1;
                tokio::time::sleep(pause(attempts.conflicts)).await;
                return Ok(false);
            }
            Err(error) => return Err(self.error()(error.into())),
        }
        // What fills a hole in the log is read by nobody, and so it is to be committed again.
        seen.check().map_err(self.error())?;
        tracing::debug!(table = self.table.name, version, "committed");
        self.seen = Some(Seen { version, at });
        // What was committed stands, whatever becomes of the checkpoint.
        if let Err(error) = self.checkpoint_if_due(version).await {
            tracing::warn!(table = self.table.name, %error, "no checkpoint was written");
        }
        Ok(true)
    }

    /// The entry of a commit.
    fn encode(
        &self,
        actions: Vec<Action>,
        operation: DeltaOperation,
    ) -> Result<CommitOrBytes, DeltaTableError> {
        let table = self.delta.snapshot()?;
        PROTOCOL.can_commit(table, &actions, &operation)?;
        let information = HashMap::from([(TABLE_TAG.to_owned(), table.metadata().id().into())]);
        let entry = CommitData::new(actions, operation, information, Vec::new()).get_bytes()?;
        Ok(CommitOrBytes::LogBytes(entry))
    }

    /// What a version of the log says; `None` where it is not there. Refuses another table's.
    async fn entry(&self, version: u64) -> Result<Option<Vec<Action>>, LakeError> {
        let entry = self.delta.log_store().read_commit_entry(version).await;
        let Some(entry) = entry.map_err(self.error())? else { return Ok(None) };
        let actions = get_actions(version, &entry).map_err(self.error())?;
        let id = self.id();
        let is_another = actions.iter().filter_map(table_of).any(|of| Some(of) != id.as_deref());
        if is_another { Err(self.replaced()) } else { Ok(Some(actions)) }
    }

    /// Whether the log has the last entry that was read of it; an old one may have been deleted by now
    /// behind a checkpoint. Refuses another table's.
    pub(crate) async fn has_what_was_read(&self) -> Result<bool, LakeError> {
        let Ok(table) = self.delta.snapshot() else { return Ok(false) };
        Ok(self.entry(table.version()).await?.is_some())
    }

    /// Whether the log ends with `version`, as far as its entries tell: that is there, and the next is
    /// not. Where it is old, both may have been deleted behind a checkpoint.
    pub(crate) async fn ends_with(&self, version: u64) -> Result<bool, LakeError> {
        let is_next = self.entry(version + 1).await?.is_some();
        Ok(!is_next && self.entry(version).await?.is_some())
    }

    /// Whether `version` is the log's last. Refuses a log that does not go so far, which is
    /// another's: the next version would leave a hole in it.
    async fn is_last(&self, version: u64) -> Result<bool, LakeError> {
        // It may have been deleted, as old as it was, but not before others came after it.
        if self.entry(version).await?.is_some() {
            Ok(true)
        } else if self.entry(version + 1).await?.is_some() {
            Ok(false)
        } else if self.is_there().await.map_err(self.error())? {
            Err(self.replaced())
        } else {
            Err(LakeError::Missing { uri: self.lake() })
        }
    }

    fn replaced(&self) -> LakeError {
        LakeError::Replaced { uri: self.lake() }
    }

    /// The lake that the table is in.
    fn lake(&self) -> String {
        let table = self.delta.table_url();
        table.join("..").as_ref().unwrap_or(table).to_string()
    }

    /// Writes a checkpoint, and deletes what no reader needs any more, where `version` is one of
    /// those after which the table's own properties ask for it.
    async fn checkpoint_if_due(&mut self, version: u64) -> Result<(), LakeError> {
        let config = self.delta.snapshot().map_err(self.error())?.table_config();
        let keep = config.log_retention_duration();
        if (version + 1).is_multiple_of(config.checkpoint_interval().get()) {
            self.update().await?;
            self.checkpoint(true, keep).await.map_err(self.error())?;
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
    let longest = (PAUSE << (conflicts - 1).min(7)).min(PAUSE_AT_MOST);
    Duration::from_millis(fastrand::u64(..=longest))
}

/// The id of the table that an action is of, where it says so.
fn table_of(action: &Action) -> Option<&str> {
    match action {
        Action::CommitInfo(commit) => commit.info.get(TABLE_TAG)?.as_str(),
        Action::Metadata(metadata) => Some(metadata.id()),
        _ => None,
    }
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
