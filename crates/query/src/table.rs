//! A table of the lake as DataFusion sees it.

use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{Result, Statistics};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::{ParquetAccessPlan, RowGroupAccess};
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::parquet::arrow::arrow_reader::RowSelection;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use stagelight_lake::{LakeFile, ShownRows, Snapshot};

use crate::app_ids::{app_ids, wanted_app_ids};
use crate::kept_parts::END;

/// The files of a table, which are exchanged for newer ones between questions.
#[derive(Debug)]
pub(crate) struct LakeTable {
    schema: SchemaRef,
    store: ObjectStoreUrl,
    snapshot: RwLock<Arc<Snapshot>>,
}

impl LakeTable {
    pub(crate) fn new(store: ObjectStoreUrl, snapshot: Snapshot) -> Self {
        let schema = query_schema(&snapshot.table.schema());
        Self { schema, store, snapshot: RwLock::new(Arc::new(snapshot)) }
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn replace(&self, snapshot: Snapshot) {
        *self.snapshot.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(snapshot);
    }
}

/// The lake's schema as questions see it: times in milliseconds, as Spark has them, and strings
/// as views, which DataFusion reads fastest.
fn query_schema(lake: &Schema) -> SchemaRef {
    let fields = lake.fields().iter().map(|field| {
        let data_type = match field.data_type() {
            DataType::Timestamp(TimeUnit::Microsecond, zone) => {
                DataType::Timestamp(TimeUnit::Millisecond, zone.clone())
            }
            DataType::Utf8 => DataType::Utf8View,
            other => other.clone(),
        };
        Field::new(field.name(), data_type, field.is_nullable())
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

#[async_trait]
impl TableProvider for LakeTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let snapshot = self.snapshot();
        let is_split = snapshot.files.iter().all(|file| file.has_one_app_id);
        let pushed = filters.iter().map(|filter| match app_ids(filter) {
            Some(_) if is_split => TableProviderFilterPushDown::Exact,
            _ => TableProviderFilterPushDown::Inexact,
        });
        Ok(pushed.collect())
    }

    fn statistics(&self) -> Option<Statistics> {
        let snapshot = self.snapshot();
        let rows = snapshot.files.iter().map(|file| file.rows).sum::<Option<usize>>();
        Some(Statistics {
            num_rows: rows.map_or(Precision::Absent, Precision::Exact),
            ..Statistics::new_unknown(&self.schema)
        })
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let snapshot = self.snapshot();
        let wanted = wanted_app_ids(filters);
        let kept: Vec<_> = snapshot
            .files
            .iter()
            .filter(|file| wanted.as_deref().is_none_or(|ids| may_have(file, ids)))
            .collect();
        if kept.is_empty() {
            let schema = match projection {
                Some(columns) => Arc::new(self.schema.project(columns)?),
                None => self.schema(),
            };
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        let mut source = ParquetSource::new(self.schema())
            .with_table_parquet_options(state.default_table_options().parquet)
            .with_metadata_size_hint(END)
            .with_pushdown_filters(true);
        // A file of one application has its rows or none of them; there is no need to compare each.
        let is_split = kept.iter().all(|file| file.has_one_app_id);
        let filters = filters.iter().filter(|filter| !is_split || app_ids(filter).is_none());
        if let Some(filter) = conjunction(filters.cloned()) {
            let schema = datafusion::common::DFSchema::try_from(self.schema())?;
            source = source.with_predicate(state.create_physical_expr(filter, &schema)?);
        }
        let files = kept.iter().map(|file| self.partitioned(file)).collect();
        let partitions = state.config().target_partitions();
        let rows = wanted.is_none().then(|| self.statistics()).flatten();
        let config = FileScanConfigBuilder::new(self.store.clone(), Arc::new(source))
            .with_file_groups(FileGroup::new(files).split_files(partitions))
            .with_statistics(
                rows.unwrap_or_else(|| Statistics::new_unknown(&self.schema)).to_inexact(),
            )
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

impl LakeTable {
    fn partitioned(&self, file: &LakeFile) -> PartitionedFile {
        let statistics = Statistics {
            num_rows: file.rows.map_or(Precision::Absent, Precision::Exact),
            ..Statistics::new_unknown(&self.schema)
        };
        let partitioned = PartitionedFile::new(file.path.clone(), file.size)
            .with_statistics(Arc::new(statistics));
        match &file.shown {
            Some(shown) => partitioned.with_extension(access(shown)),
            None => partitioned,
        }
    }
}

/// Which rows of a file are read: those that count.
fn access(shown: &ShownRows) -> ParquetAccessPlan {
    let mut from = 0;
    let groups = shown.row_groups.iter().map(|rows| {
        let group = from..from + rows;
        from = group.end;
        let within = shown.rows.iter().map(|range| {
            let [start, end] = [range.start, range.end].map(|n| n.clamp(group.start, group.end));
            start - group.start..end - group.start
        });
        let within: Vec<_> = within.filter(|range| !range.is_empty()).collect();
        match within.as_slice() {
            [] => RowGroupAccess::Skip,
            [all] if all.len() == *rows => RowGroupAccess::Scan,
            _ => RowGroupAccess::Selection(RowSelection::from_consecutive_ranges(
                within.into_iter(),
                *rows,
            )),
        }
    });
    ParquetAccessPlan::new(groups.collect())
}

/// Whether the file may have one of `ids`, which are in order.
fn may_have(file: &LakeFile, ids: &[String]) -> bool {
    file.app_ids.as_ref().is_none_or(|(least, greatest)| {
        ids.get(ids.partition_point(|id| id < least)).is_some_and(|id| id <= greatest)
    })
}
