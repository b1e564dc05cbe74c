//! One table of the lake and its Delta log.
//!
//! A log is read when it is needed and not before: a run that stores a small segment would else
//! spend most of its time on what the other tables have.

mod commit;

use std::sync::LazyLock;

use arrow::datatypes::{DataType, TimeUnit};
use chrono::Utc;
use deltalake_core::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake_core::kernel::{
    Action, ArrayType, DataType as DeltaType, MetadataExt, PrimitiveType, Protocol, StructField,
    StructType, new_metadata,
};
use deltalake_core::protocol::{DeltaOperation, SaveMode};
use deltalake_core::{DeltaTable, DeltaTableError};
use serde_json::json;
use sha2::{Digest, Sha256};
use stagelight_tables::{Table, all};

use crate::error::LakeError;
use crate::place::Place;
use crate::segment::statistics_columns;
use crate::snapshot::Snapshot;
pub(crate) use commit::Seen;

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
    /// How far the log was followed, which may be further than it was read.
    seen: Option<Seen>,
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
            let log = Self { table, delta: place.table(table)?, seen: None };
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

    /// Whether the table has rows.
    pub(crate) async fn has_files(&mut self) -> Result<bool, LakeError> {
        if !self.is_there().await.map_err(self.error())? {
            return Ok(false);
        }
        self.now().await?;
        Ok(!self.named()?.is_empty())
    }

    /// Refuses a table of the lake at `uri` that is gone.
    pub(crate) async fn check_there(&self, uri: &str) -> Result<(), LakeError> {
        match self.is_there().await.map_err(self.error())? {
            true => Ok(()),
            false => Err(LakeError::TableGone { table: self.table.name, uri: uri.to_owned() }),
        }
    }

    /// Refuses a table that other declarations have made; none is no such table.
    pub(crate) async fn check_format(&mut self) -> Result<(), LakeError> {
        if self.is_there().await.map_err(self.error())? {
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
        self.update().await?;
        Ok(&self.delta)
    }

    /// Says of what delta-rs refused which table it was.
    pub(crate) fn error(&self) -> impl FnOnce(DeltaTableError) -> LakeError + use<> {
        LakeError::delta(self.table.name)
    }

    pub(crate) fn table(&self) -> &'static Table {
        self.table
    }

    /// The table as it was when it was last read.
    pub(crate) fn delta(&self) -> &DeltaTable {
        &self.delta
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

    /// The files that the table had when it was last read, without their statistics: to take these
    /// apart is most of the work with a large table.
    pub(crate) fn named(&self) -> Result<Vec<Named>, LakeError> {
        let table = self.delta.snapshot().map_err(self.error())?;
        let files = table.log_data();
        let named = files.iter().map(|file| Named {
            name: file.object_store_path().to_string(),
            size: file.size(),
            added_ms: file.modification_time(),
        });
        Ok(named.collect())
    }

    /// Reads what came since the log was last read. Refuses a table that other declarations have
    /// made.
    async fn update(&mut self) -> Result<Seen, LakeError> {
        let error = self.error();
        // What is refused is looked at again.
        self.seen = None;
        let at = Utc::now();
        let read = async {
            self.delta.update_state().await?;
            let table = self.delta.snapshot()?;
            let format = table.metadata().configuration().get(FORMAT_PROPERTY).cloned();
            Ok((table.version(), format))
        };
        let (version, format) = read.await.map_err(error)?;
        if format.as_ref() != Some(&*FORMAT) {
            return Err(LakeError::Format { table: self.table.name });
        }
        let seen = Seen { version, at };
        self.seen = Some(seen);
        Ok(seen)
    }
}

/// A file of a table, by its name alone.
#[derive(Debug)]
pub(crate) struct Named {
    /// Its name in the table's folder.
    pub(crate) name: String,
    /// Its size in bytes.
    pub(crate) size: i64,
    /// When it was added to the table, in milliseconds since 1970.
    pub(crate) added_ms: i64,
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
