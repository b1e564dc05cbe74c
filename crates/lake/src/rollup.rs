//! Tables that are made of the others, as a whole.

use arrow::array::{Array, AsArray, RecordBatch};
use serde_json::json;
use stagelight_tables::Table;
use uuid::Uuid;

use crate::error::LakeError;
use crate::lake::Lake;
use crate::parquet_file::{Packer, ParquetFile};
use crate::segment::DataFile;

impl Lake {
    /// Makes `batches`, which are in the order of `app_id`, all that the rollup `table` has, if it still
    /// is of `version`; else somebody else was faster, and it tells `false`.
    ///
    /// # Errors
    ///
    /// [`LakeError`]; then the table has what it had.
    pub async fn overwrite(
        &self,
        table: &'static Table,
        version: u64,
        batches: &[RecordBatch],
    ) -> Result<bool, LakeError> {
        self.check().await?;
        let stored = self.put(data_file(table, batches)?).await?;
        self.table(table).await.overwrite(&stored, version).await
    }
}

fn data_file(table: &'static Table, batches: &[RecordBatch]) -> Result<DataFile, LakeError> {
    let mut packer = Packer::default();
    let mut file = ParquetFile::of_many(table).map_err(LakeError::encode(table.name))?;
    for batch in batches.iter().filter(|batch| batch.num_rows() > 0) {
        file.write(batch, &mut packer).map_err(LakeError::encode(table.name))?;
    }
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    let ids = batches.iter().filter_map(|batch| Some(batch.column_by_name("app_id")?.as_string()));
    let ids: Vec<_> = ids.filter(|ids: &&arrow::array::StringArray| !ids.is_empty()).collect();
    let mut stats = json!({ "numRecords": rows });
    if let (Some(first), Some(last)) = (ids.first(), ids.last()) {
        stats["minValues"] = json!({ "app_id": first.value(0) });
        stats["maxValues"] = json!({ "app_id": last.value(last.len() - 1) });
        stats["nullCount"] = json!({ "app_id": 0 });
    }
    let bytes = file.finish(&mut packer).map_err(LakeError::encode(table.name))?.into();
    // Other bytes have another name: who reads the earlier file goes on with that.
    let name = format!("rollup-{}.parquet", Uuid::new_v4());
    Ok(DataFile { table, name, bytes, rows, stats: stats.to_string() })
}
