//! Opening a lake, storing files in it and committing them.

use std::collections::{HashMap, HashSet};
use std::path::Path as FilePath;
use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};
use chrono::Utc;
use deltalake_core::kernel::DataType as DeltaType;
use deltalake_core::kernel::transaction::{CommitBuilder, CommitProperties, TransactionError};
use deltalake_core::kernel::{Action, Add, ArrayType, PrimitiveType, Remove, StructField};
use deltalake_core::operations::create::CreateBuilder;
use deltalake_core::protocol::{DeltaOperation, SaveMode};
use deltalake_core::{DeltaTable, DeltaTableBuilder, DeltaTableError};
use futures::future::try_join_all;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode};
use stagelight_tables::{SOURCES, Table, all};
use tokio::sync::Mutex;
use url::Url;

use crate::entries;
use crate::error::LakeError;
use crate::ledger::{Ingested, Ledger};
use crate::segment::{DataFile, StoredFile};
use crate::snapshot::{LakeFile, Snapshot};
use crate::source::SourceKey;

/// A commit that collides with another that removes the same files is tried again so often.
const COMMIT_ATTEMPTS: usize = 10;

/// What counts in a lake at one moment.
#[derive(Debug)]
pub struct Contents {
    /// Every segment.
    pub ledger: Ledger,
    /// Every table.
    pub tables: Vec<Snapshot>,
}

/// Delta tables under one address.
pub struct Lake {
    root: Url,
    store: Arc<dyn ObjectStore>,
    /// By the table's name. A lock each, so that tables commit side by side.
    tables: HashMap<&'static str, Mutex<DeltaTable>>,
}

impl Lake {
    /// Opens the lake at `uri` for reading and writing, and makes what is not there.
    ///
    /// # Errors
    ///
    /// [`LakeError`] where the address is no folder that can be written.
    pub async fn create(uri: &str) -> Result<Self, LakeError> {
        let folder = local_folder(uri)?;
        for table in all() {
            let folder = FilePath::new(&folder).join(table.name);
            std::fs::create_dir_all(folder).map_err(|e| address(uri, e))?;
        }
        Self::load(uri, &folder, true).await
    }

    /// Opens the lake at `uri`, which must be there.
    ///
    /// # Errors
    ///
    /// [`LakeError::Missing`] where nothing has been ingested yet.
    pub async fn open(uri: &str) -> Result<Self, LakeError> {
        let folder = local_folder(uri)?;
        if !FilePath::new(&folder).join(SOURCES.name).join("_delta_log").is_dir() {
            return Err(LakeError::Missing { uri: uri.to_owned() });
        }
        Self::load(uri, &folder, false).await
    }

    async fn load(uri: &str, folder: &str, create: bool) -> Result<Self, LakeError> {
        let folder = std::fs::canonicalize(folder).map_err(|e| address(uri, e))?;
        let store = LocalFileSystem::new_with_prefix(&folder).map_err(|e| address(uri, e))?;
        let root = Url::from_directory_path(&folder)
            .map_err(|()| address(uri, "it is not an absolute path"))?;
        let tables = try_join_all(all().map(async |table| {
            let delta = open_table(&root, table, create).await?;
            Ok::<_, LakeError>((table.name, Mutex::new(delta)))
        }));
        Ok(Self { tables: tables.await?.into_iter().collect(), root, store: Arc::new(store) })
    }

    /// Where the lake is.
    pub fn root(&self) -> &Url {
        &self.root
    }

    /// The store that holds the lake and nothing else, its paths seen from the lake's root.
    pub fn store(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.store)
    }

    /// Stores a data file. It belongs to no table until it is committed.
    ///
    /// # Errors
    ///
    /// [`LakeError::Store`].
    pub async fn put(&self, file: DataFile) -> Result<StoredFile, LakeError> {
        let mut stored = file.stored();
        let path = Path::from(format!("{}/{}", file.table.name, file.name));
        // A file of that name has these rows already, and readers may know its size.
        match self.store.put_opts(&path, file.bytes.into(), PutMode::Create.into()).await {
            Ok(_) => Ok(()),
            Err(object_store::Error::AlreadyExists { .. }) => {
                self.store.head(&path).await.map(|found| {
                    stored.size = usize::try_from(found.size).unwrap_or(usize::MAX);
                })
            }
            Err(error) => Err(error),
        }
        .map_err(|source| LakeError::Store { path: path.to_string(), source })?;
        Ok(stored)
    }

    /// Makes the rows of a group of segments visible, and then says so in the ledger.
    ///
    /// A later version of a file takes the place of earlier ones in one commit per table; a version
    /// that comes after a later one is dropped. Committing a segment again changes nothing.
    ///
    /// # Errors
    ///
    /// [`LakeError`]; the group is to be committed again, whatever of it was.
    pub async fn commit(&self, mut group: Vec<Ingested>) -> Result<(), LakeError> {
        let ledger = self.ledger().await?;
        group.retain(|segment| !ledger.has_newer(&segment.entry()));
        if group.is_empty() {
            return Ok(());
        }
        let replaced: HashSet<SourceKey> =
            group.iter().flat_map(|segment| ledger.earlier(&segment.entry())).collect();
        let mut by_table: HashMap<&'static str, Vec<&StoredFile>> = HashMap::new();
        for file in group.iter().flat_map(|segment| &segment.files) {
            by_table.entry(file.table.name).or_default().push(file);
        }
        let facts = all().filter(|table| table.name != SOURCES.name);
        try_join_all(facts.map(|table| {
            let files = by_table.remove(table.name).unwrap_or_default();
            self.exchange(table, files, &replaced)
        }))
        .await?;
        let rows =
            try_join_all(group.iter().map(async |segment| self.put(segment.ledger_file()?).await))
                .await?;
        self.exchange(SOURCES, rows.iter().collect(), &replaced).await
    }

    /// Adds `files` to a table and removes what it has of the `replaced` segments, in one commit.
    async fn exchange(
        &self,
        table: &'static Table,
        files: Vec<&StoredFile>,
        replaced: &HashSet<SourceKey>,
    ) -> Result<(), LakeError> {
        if files.is_empty() && replaced.is_empty() {
            return Ok(());
        }
        let error = LakeError::delta(table.name);
        let mut delta = self.tables[table.name].lock().await;
        let mut attempt = 1;
        loop {
            match self.try_exchange(table, &mut delta, &files, replaced).await {
                // Somebody else has removed the same files: look again at what is left.
                Err(DeltaTableError::Transaction {
                    source: TransactionError::CommitConflict(conflict),
                }) if attempt < COMMIT_ATTEMPTS => {
                    tracing::debug!(table = table.name, attempt, %conflict, "commit again");
                    attempt += 1;
                }
                result => return result.map_err(error),
            }
        }
    }

    async fn try_exchange(
        &self,
        table: &'static Table,
        delta: &mut DeltaTable,
        files: &[&StoredFile],
        replaced: &HashSet<SourceKey>,
    ) -> Result<(), DeltaTableError> {
        let mut actions: Vec<Action> = files.iter().map(|file| Action::Add(add(file))).collect();
        if !replaced.is_empty() {
            delta.update_state().await?;
            let there = Snapshot::of(table, delta)?.files.into_iter();
            let old = there.filter(|file| {
                SourceKey::of_file(&file.path).is_some_and(|key| replaced.contains(&key))
            });
            actions.extend(old.map(|file| Action::Remove(remove(table, &file))));
        }
        if actions.is_empty() {
            return Ok(());
        }
        let operation =
            DeltaOperation::Write { mode: SaveMode::Append, partition_by: None, predicate: None };
        let committed = {
            let state = delta.snapshot()?;
            CommitBuilder::from(CommitProperties::default())
                .with_actions(actions)
                .build(Some(state), delta.log_store(), operation)
                .await?
        };
        tracing::debug!(table = table.name, version = committed.version(), "committed");
        delta.state = Some(committed.snapshot());
        Ok(())
    }

    /// The segments that are in the lake now.
    ///
    /// # Errors
    ///
    /// [`LakeError::Delta`], or [`LakeError::Store`] where the ledger cannot be read.
    pub async fn ledger(&self) -> Result<Ledger, LakeError> {
        Ok(self.ledger_and_files().await?.0)
    }

    async fn ledger_and_files(&self) -> Result<(Ledger, Snapshot), LakeError> {
        let mut delta = self.tables[SOURCES.name].lock().await;
        delta.update_state().await.map_err(LakeError::delta(SOURCES.name))?;
        let files = Snapshot::of(SOURCES, &delta).map_err(LakeError::delta(SOURCES.name))?;
        let entries = entries::read(&delta, self.store.as_ref()).await?;
        Ok((Ledger::new(entries), files))
    }

    /// What counts in the lake now: the ledger, and the files of every table whose rows count.
    ///
    /// # Errors
    ///
    /// [`LakeError`] where the lake cannot be read.
    pub async fn contents(&self) -> Result<Contents, LakeError> {
        // The ledger first: what it has is in the tables already.
        let (ledger, sources) = self.ledger_and_files().await?;
        let facts = all().filter(|table| table.name != SOURCES.name);
        let mut tables = try_join_all(facts.map(|table| self.snapshot(table))).await?;
        for snapshot in &mut tables {
            snapshot.retain_counted(&ledger);
        }
        tables.push(sources);
        Ok(Contents { ledger, tables })
    }

    async fn snapshot(&self, table: &'static Table) -> Result<Snapshot, LakeError> {
        let mut delta = self.tables[table.name].lock().await;
        delta.update_state().await.map_err(LakeError::delta(table.name))?;
        Snapshot::of(table, &delta).map_err(LakeError::delta(table.name))
    }
}

fn remove(table: &Table, file: &LakeFile) -> Remove {
    let folder = format!("{}/", table.name);
    Remove {
        path: file.path.strip_prefix(&folder).unwrap_or(&file.path).to_owned(),
        data_change: true,
        deletion_timestamp: Some(Utc::now().timestamp_millis()),
        size: i64::try_from(file.size).ok(),
        ..Default::default()
    }
}

fn add(file: &StoredFile) -> Add {
    Add {
        path: file.name.clone(),
        size: i64::try_from(file.size).unwrap_or(i64::MAX),
        modification_time: Utc::now().timestamp_millis(),
        data_change: true,
        stats: Some(file.stats.clone()),
        ..Default::default()
    }
}

async fn open_table(
    root: &Url,
    table: &'static Table,
    create: bool,
) -> Result<DeltaTable, LakeError> {
    let error = LakeError::delta(table.name);
    let open = async {
        let location = root.join(&format!("{}/", table.name)).map_err(|e| {
            DeltaTableError::generic(format!("{root} cannot hold {}: {e}", table.name))
        })?;
        let mut delta = DeltaTableBuilder::from_url(location)?.build()?;
        if create && !delta.verify_deltatable_existence().await? {
            let made = CreateBuilder::new()
                .with_log_store(delta.log_store())
                .with_table_name(table.name)
                .with_comment(table.doc)
                .with_columns(table.columns().map(|column| {
                    StructField::nullable(column.name, delta_type(&column.kind.data_type()))
                        .with_metadata([("comment", column.doc)])
                }))
                .with_save_mode(SaveMode::Ignore)
                // To try again would be to change the table that somebody else has made meanwhile.
                .with_commit_properties(CommitProperties::default().with_max_retries(0))
                .await;
            if made.is_ok() || !delta.verify_deltatable_existence().await? {
                return made;
            }
        }
        delta.load().await?;
        Ok(delta)
    };
    open.await.map_err(error)
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

fn local_folder(uri: &str) -> Result<String, LakeError> {
    match uri.split_once("://") {
        None => Ok(uri.to_owned()),
        Some(("file", _)) => Url::parse(uri)
            .ok()
            .and_then(|url| url.to_file_path().ok())
            .and_then(|path| path.into_os_string().into_string().ok())
            .ok_or_else(|| address(uri, "it is no path of this machine")),
        Some((scheme, _)) => Err(address(uri, format!("{scheme}:// is not supported yet"))),
    }
}

fn address(uri: &str, reason: impl ToString) -> LakeError {
    LakeError::Address { uri: uri.to_owned(), reason: reason.to_string() }
}
