//! Batches of one segment into data files that are named after it.

use arrow::array::RecordBatch;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde_json::json;
use stagelight_tables::{SOURCES, Table};

use crate::entries;
use crate::error::LakeError;
use crate::parquet_file::{Packer, ParquetFile};
use crate::source::SourceId;

/// A file is closed and another begun when its rows take about so many bytes before they are encoded.
///
/// Not after: which rows a file of a segment has must follow from the segment alone. A worker of another
/// version, which encodes them into other sizes, may find one of two files stored already.
const FILE_BYTES: usize = 256 << 20;

/// The columns of the table that its files have statistics of in the Delta log.
pub(crate) fn statistics_columns(table: &Table) -> &'static [&'static str] {
    if table.name == SOURCES.name { entries::COLUMNS } else { &["app_id"] }
}

/// A finished Parquet file that is not stored yet.
#[derive(Debug)]
pub struct DataFile {
    /// The table that it is of.
    pub table: &'static Table,
    /// Its name in the table's folder.
    pub name: String,
    /// Its bytes.
    pub bytes: Bytes,
    /// Its rows.
    pub rows: usize,
    /// Statistics as the Delta protocol has them.
    pub(crate) stats: String,
}

/// A file that is stored, ready to be committed.
#[derive(Clone, Debug)]
pub struct StoredFile {
    pub(crate) table: &'static Table,
    pub(crate) name: String,
    pub(crate) size: usize,
    pub(crate) stats: String,
    /// It was stored then, or a moment later.
    pub(crate) stored_at: DateTime<Utc>,
}

impl StoredFile {
    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        self.size as u64
    }
}

impl DataFile {
    /// What a commit needs to know once the bytes are stored.
    pub(crate) fn stored(&self, stored_at: DateTime<Utc>) -> StoredFile {
        StoredFile {
            table: self.table,
            name: self.name.clone(),
            size: self.bytes.len(),
            stats: self.stats.clone(),
            stored_at,
        }
    }
}

/// What the rows of a batch take in memory, whatever room there is besides.
fn bytes(batch: &RecordBatch) -> parquet::errors::Result<usize> {
    let columns = batch.columns().iter();
    Ok(columns.map(|column| column.to_data().get_slice_memory_size()).sum::<Result<usize, _>>()?)
}

/// Writes the batches of one segment, and hands over each file when it is finished.
pub struct SegmentWriter<'a, E> {
    source: SourceId,
    app_id: &'a str,
    open: Vec<OpenFile>,
    packer: Packer,
    sink: &'a mut dyn FnMut(DataFile) -> Result<(), E>,
}

struct OpenFile {
    table: &'static Table,
    part: usize,
    rows: usize,
    /// What the rows take in memory.
    bytes: usize,
    writer: Option<ParquetFile>,
}

impl<'a, E: From<LakeError>> SegmentWriter<'a, E> {
    /// A writer for the segment `source`, all of whose rows are of application `app_id`.
    pub fn new(
        source: SourceId,
        app_id: &'a str,
        sink: &'a mut dyn FnMut(DataFile) -> Result<(), E>,
    ) -> Self {
        Self { source, app_id, open: Vec::new(), packer: Packer::default(), sink }
    }

    /// Says that the segment cannot be read to its end now: files that are finished from here on
    /// are not those of a whole reading, and must not stand in their place.
    pub fn unread(&mut self) {
        self.source = self.source.clone().unread();
    }

    /// The segment, as the ledger is to know it.
    pub fn source(&self) -> &SourceId {
        &self.source
    }

    /// Appends a batch to the table's file.
    ///
    /// # Errors
    ///
    /// An error of the encoder, or of the sink when a file is finished.
    pub fn write(&mut self, table: &'static Table, batch: &RecordBatch) -> Result<(), E> {
        let at = self.open.iter().position(|f| f.table.name == table.name).unwrap_or_else(|| {
            self.open.push(OpenFile { table, part: 0, rows: 0, bytes: 0, writer: None });
            self.open.len() - 1
        });
        let file = &mut self.open[at];
        let writer = match &mut file.writer {
            Some(writer) => writer,
            none => none.insert(ParquetFile::new(table).map_err(LakeError::encode(table.name))?),
        };
        writer.write(batch, &mut self.packer).map_err(LakeError::encode(table.name))?;
        file.rows += batch.num_rows();
        file.bytes += bytes(batch).map_err(LakeError::encode(table.name))?;
        if file.bytes >= FILE_BYTES { self.close(at) } else { Ok(()) }
    }

    /// Finishes the files that are open.
    ///
    /// # Errors
    ///
    /// An error of the encoder or of the sink.
    pub fn finish(mut self) -> Result<(), E> {
        (0..self.open.len()).try_for_each(|at| self.close(at))
    }

    fn close(&mut self, at: usize) -> Result<(), E> {
        let file = &mut self.open[at];
        let Some(writer) = file.writer.take() else { return Ok(()) };
        let bytes = writer.finish(&mut self.packer).map_err(LakeError::encode(file.table.name))?;
        let rows = std::mem::take(&mut file.rows);
        file.bytes = 0;
        let name = self.source.key().file_name(file.part);
        file.part += 1;
        let stats = json!({
            "numRecords": rows,
            "minValues": { "app_id": self.app_id },
            "maxValues": { "app_id": self.app_id },
            "nullCount": { "app_id": 0 },
        });
        let table = file.table;
        let stats = stats.to_string();
        (self.sink)(DataFile { table, name, bytes: bytes.into(), rows, stats })
    }
}
