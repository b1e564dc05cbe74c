//! One table of the lake and its Delta log.
//!
//! A log is read when it is needed and not before: a run that stores a small segment would else
//! spend most of its time on what the other tables have.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;
use std::time::Duration;

use arrow::datatypes::{DataType, TimeUnit};
use chrono::Utc;
use deltalake_core::kernel::transaction::{CommitBuilder, CommitProperties, TransactionError};
use deltalake_core::kernel::{
    Action, Add, ArrayType, DataType as DeltaType, MetadataExt, PrimitiveType, Protocol, Remove,
    StructField, StructType, new_metadata,
};
use deltalake_core::logstore::get_actions;
use deltalake_core::protocol::{DeltaOperation, SaveMode};
use deltalake_core::table::config::TablePropertiesExt;
use deltalake_core::{DeltaTable, DeltaTableError};
use serde_json::json;
use sha2::{Digest, Sha256};
use stagelight_tables::{Table, all};

use crate::error::LakeError;
use crate::place::Place;
use crate::segment::{StoredFile, statistics_columns};
use crate::snapshot::{LakeFile, Snapshot};

/// A commit that somebody else was faster than so often is given up.
const COMMIT_CONFLICTS: u64 = 100;
/// Between two attempts at a commit, in milliseconds, at first and at most.
const PAUSE: u64 = 10;
const PAUSE_AT_MOST: u64 = 1_000;

/// Stands in the removal of a file whose rows are in another by now.
const MERGED_TAG: &str = "stagelight.merged";

/// The property of a table that says by which declarations it was made.
const FORMAT_PROPERTY: &str = "stagelight.format";

/// Another one for other declarations: what was ingested before a column was added does not have it.
static FORMAT: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for (table, column) in all().flat_map(|table| table.columns().map(move |c| (table, c))) {
        let (name, kind, fold) = (column.name, column.kind.data_type(), column.source.fold());
        hash.update(format!("{} {name} {kind} {fold:?}\n", table.name));
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
});

/// A table in its Delta log.
pub(crate) struct TableLog {
    table: &'static Table,
    /// As the log said when it was last read; nothing before that.
    delta: DeltaTable,
}

impl TableLog {
    /// The log of `table` in the lake at `place`; where there is none and `create` says so, it is
    /// made.
    pub(crate) async fn open(
        place: &Place,
        table: &'static Table,
        create: bool,
    ) -> Result<Self, LakeError> {
        let error = LakeError::delta(table.name);
        let open = async {
            let log = Self { table, delta: place.table(table)? };
            if create && !log.is_there().await? {
                let made = log.make().await;
                // Somebody else may have made it meanwhile.
                if made.is_err() && !log.is_there().await? {
                    made?;
                }
            }
            Ok(log)
        };
        open.await.map_err(error)
    }

    /// Whether there is a log.
    pub(crate) async fn is_there(&self) -> Result<bool, DeltaTableError> {
        self.delta.verify_deltatable_existence().await
    }

    /// Refuses a table that other declarations have made; none is no such table.
    pub(crate) async fn check_format(&mut self) -> Result<(), LakeError> {
        if self.is_there().await.map_err(LakeError::delta(self.table.name))? {
            self.now().await?;
        }
        Ok(())
    }

    /// Writes the first version. What `CreateBuilder` would do, but that reads the table twice when
    /// it has written it.
    async fn make(&self) -> Result<(), DeltaTableError> {
        let columns = self.table.columns().map(|column| {
            StructField::nullable(column.name, delta_type(&column.kind.data_type()))
                .with_metadata([("comment", column.doc)])
        });
        let statistics = statistics_columns(self.table).join(",");
        let metadata = new_metadata(
            &StructType::try_new(columns)?,
            std::iter::empty::<String>(),
            [("delta.dataSkippingStatsColumns", statistics), (FORMAT_PROPERTY, FORMAT.clone())],
        )?
        .with_name(self.table.name.to_owned())?
        .with_description(self.table.doc.to_owned())?;
        let protocol: Protocol =
            serde_json::from_value(json!({ "minReaderVersion": 1, "minWriterVersion": 2 }))
                .expect("a protocol has these two versions");
        let operation = DeltaOperation::Create {
            mode: SaveMode::ErrorIfExists,
            location: self.delta.table_url().clone(),
            protocol: protocol.clone(),
            metadata: metadata.clone(),
        };
        // To try again would be to change the table that somebody else has made meanwhile.
        CommitBuilder::from(CommitProperties::default().with_max_retries(0))
            .with_actions(vec![Action::Protocol(protocol), Action::Metadata(metadata)])
            .build(None, self.delta.log_store(), operation)
            .into_prepared_commit_future()
            .await?
            .await?;
        Ok(())
    }

    /// The table as it is now.
    pub(crate) async fn now(&mut self) -> Result<&DeltaTable, LakeError> {
        let error = LakeError::delta(self.table.name);
        let read = async {
            self.delta.update_state().await?;
            Ok(self.delta.snapshot()?.metadata().configuration().get(FORMAT_PROPERTY).cloned())
        };
        match read.await.map_err(error)? {
            Some(format) if format == *FORMAT => Ok(&self.delta),
            _ => Err(LakeError::Format { table: self.table.name }),
        }
    }

    /// The table as it was when it was last read.
    pub(crate) fn delta(&self) -> &DeltaTable {
        &self.delta
    }

    /// The version that the table has now.
    pub(crate) async fn version(&mut self) -> Result<u64, LakeError> {
        let table = self.table.name;
        Ok(self.now().await?.snapshot().map_err(LakeError::delta(table))?.version())
    }

    /// The table's own id, which no other table has; `None` before the log was read.
    pub(crate) fn id(&self) -> Option<String> {
        Some(self.delta.snapshot().ok()?.metadata().id().to_owned())
    }

    /// The files that the table has now.
    pub(crate) async fn files(&mut self) -> Result<Snapshot, LakeError> {
        let table = self.table;
        Snapshot::of(table, self.now().await?).map_err(LakeError::delta(table.name))
    }

    /// Adds `files` to the table. Tells how often somebody else was faster.
    ///
    /// A file that somebody has merged after version `since` is not added: its rows are in another
    /// one by now.
    pub(crate) async fn add(
        &mut self,
        mut files: Vec<&StoredFile>,
        since: u64,
    ) -> Result<u64, LakeError> {
        let error = LakeError::delta(self.table.name);
        let mut since = since;
        let mut attempts = Attempts::default();
        let add = async {
            self.read_once().await?;
            loop {
                let merged = self.merged_after(since).await?;
                files.retain(|file| !merged.contains(&file.name));
                since = self.delta.snapshot()?.version();
                let actions = files.iter().map(|file| Action::Add(add(file, true))).collect();
                let operation = DeltaOperation::Write {
                    mode: SaveMode::Append,
                    partition_by: None,
                    predicate: None,
                };
                if self.commit(actions, operation, &mut attempts).await? {
                    return Ok(attempts.conflicts);
                }
            }
        };
        add.await.map_err(error)
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
            self.delta.update_state().await?;
            loop {
                let gone = self.named()?.into_iter().filter(&is_gone);
                let actions = gone.map(|file| Action::Remove(remove(file.name, file.size, true)));
                let operation = DeltaOperation::Delete { predicate: None };
                if self.commit(actions.collect(), operation, &mut attempts).await? {
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
            self.delta.update_state().await?;
            loop {
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
                if self.commit(actions, operation(), &mut attempts).await? {
                    return Ok(true);
                }
            }
        };
        rewrite.await.map_err(error)
    }

    /// The files that the table had when it was last read, without their statistics: to take these
    /// apart is most of the work with a large table.
    pub(crate) fn named(&self) -> Result<Vec<Named>, DeltaTableError> {
        let files = self.delta.snapshot()?.log_data();
        let named = files.iter().map(|file| Named {
            name: file.object_store_path().to_string(),
            size: file.size(),
            added_ms: file.modification_time(),
        });
        Ok(named.collect())
    }

    /// Reads the log if that was not done yet.
    async fn read_once(&mut self) -> Result<(), DeltaTableError> {
        if self.delta.state.is_none() {
            self.delta.update_state().await?;
        }
        Ok(())
    }

    /// Commits `actions`; `false` where somebody else was faster, whose commit is read then.
    async fn commit(
        &mut self,
        actions: Vec<Action>,
        operation: DeltaOperation,
        attempts: &mut Attempts,
    ) -> Result<bool, DeltaTableError> {
        if actions.is_empty() {
            return Ok(true);
        }
        match self.try_commit(actions, operation).await {
            Err(DeltaTableError::Transaction {
                source: TransactionError::MaxCommitAttempts(_),
            }) if attempts.conflicts < COMMIT_CONFLICTS => {
                attempts.conflicts += 1;
                tokio::time::sleep(pause(attempts.conflicts)).await;
                self.delta.update_state().await?;
                Ok(false)
            }
            result => result.map(|()| true),
        }
    }

    /// Which files were merged after version `since` and up to the one that was last read.
    async fn merged_after(&self, since: u64) -> Result<HashSet<String>, DeltaTableError> {
        let mut merged = HashSet::new();
        for version in since + 1..=self.delta.snapshot()?.version() {
            let entry = self.delta.log_store().read_commit_entry(version).await?;
            let entry = entry.ok_or_else(|| {
                DeltaTableError::generic(format!("version {version} is gone from the log"))
            })?;
            merged.extend(get_actions(version, &entry)?.into_iter().filter_map(
                |action| match action {
                    Action::Remove(remove) if is_merged(&remove) => Some(remove.path),
                    _ => None,
                },
            ));
        }
        Ok(merged)
    }

    /// Commits `actions` as the version after the one that was last read.
    async fn try_commit(
        &mut self,
        actions: Vec<Action>,
        operation: DeltaOperation,
    ) -> Result<(), DeltaTableError> {
        let state = self.delta.snapshot()?;
        // Who comes second looks again at what is there, which delta-rs would not.
        let committed = CommitBuilder::from(CommitProperties::default().with_max_retries(0))
            .with_actions(actions)
            .build(Some(state), self.delta.log_store(), operation)
            .into_prepared_commit_future()
            .await?
            .await?;
        tracing::debug!(table = self.table.name, version = committed.version, "committed");
        // What comes after a commit reads the new version, to write a checkpoint if one is due. The
        // version may not be asked for again; then it is not read before it is.
        let interval = state.table_config().checkpoint_interval();
        if (committed.version + 1).is_multiple_of(interval.get()) {
            // What was committed stands, whatever becomes of the checkpoint.
            match committed.await {
                Ok(done) => self.delta.state = Some(done.snapshot()),
                Err(error) => {
                    tracing::warn!(table = self.table.name, %error, "no checkpoint was written");
                }
            }
        }
        Ok(())
    }
}

/// A file of a table, by its name alone.
#[derive(Debug)]
pub(crate) struct Named {
    /// Its name in the table's folder.
    pub(crate) name: String,
    /// Its size in bytes.
    size: i64,
    /// When it was added to the table, in milliseconds since 1970.
    pub(crate) added_ms: i64,
}

fn is_merged(removed: &Remove) -> bool {
    removed.tags.as_ref().is_some_and(|tags| tags.contains_key(MERGED_TAG))
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

fn delta_type(arrow: &DataType) -> DeltaType {
    match arrow {
        DataType::Int64 => PrimitiveType::Long.into(),
        DataType::Float64 => PrimitiveType::Double.into(),
        DataType::Boolean => PrimitiveType::Boolean.into(),
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => PrimitiveType::Timestamp.into(),
        DataType::List(element) => ArrayType::new(delta_type(element.data_type()), true).into(),
        _ => PrimitiveType::String.into(),
    }
}
