//! Which segments are in the lake.

use std::collections::HashSet;
use std::fmt::Write;

use chrono::Utc;
use sha2::{Digest, Sha256};
use stagelight_eventlog::{Identity, Value};
use stagelight_tables::{RowContext, SOURCES, Table, TableBuilder};

use crate::error::LakeError;
use crate::segment::{DataFile, SegmentWriter, StoredFile};

/// Identity of a segment's bytes: never its address alone, since what stands there can change.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SourceId {
    /// `s3://bucket/key` or `file:///path`.
    pub uri: String,
    /// The object's ETag; for a local file, whatever changes when its bytes do.
    pub etag: String,
}

impl SourceId {
    /// The name of the segment's file number `part` in `table`, the same whoever writes it.
    pub(crate) fn file_name(&self, table: &Table, part: usize) -> String {
        let mut hash = Sha256::new();
        for field in [table.name, &self.uri, &self.etag] {
            hash.update(field.len().to_le_bytes());
            hash.update(field);
        }
        let mut name = String::from("part-");
        for byte in &hash.finalize()[..16] {
            let _ = write!(name, "{byte:02x}");
        }
        let _ = write!(name, "-{part:05}.parquet");
        name
    }
}

/// What a segment was found to be, for the ledger.
#[derive(Clone, Debug)]
pub struct Ingested {
    /// The segment.
    pub source: SourceId,
    /// Which application attempt it is of.
    pub identity: Identity,
    /// Its roll index.
    pub segment: i64,
    /// Spark's name of its codec.
    pub codec: &'static str,
    /// Its size in bytes, compressed.
    pub size: u64,
    /// Its size in bytes, decompressed.
    pub bytes_uncompressed: u64,
    /// Events that were read.
    pub events: u64,
    /// Rows that they made.
    pub rows: u64,
    /// Rows of it in quarantine.
    pub quarantined: u64,
    /// Its files in all tables.
    pub files: Vec<StoredFile>,
}

impl Ingested {
    /// The segment's own row of the ledger, as a file.
    pub(crate) fn ledger_file(&self) -> Result<DataFile, LakeError> {
        let int = |n: u64| Value::Int(i64::try_from(n).unwrap_or(i64::MAX));
        let mut builder = TableBuilder::new(SOURCES, self.identity.clone(), self.segment);
        let context = RowContext { line: 0, event: "", raw: "" };
        let values = [
            Value::Text(&self.source.uri),
            Value::Text(&self.source.etag),
            int(self.size),
            Value::Text(self.codec),
            int(self.events),
            int(self.rows),
            int(self.bytes_uncompressed),
            int(self.quarantined),
            Value::Int(Utc::now().timestamp_millis()),
        ];
        builder.append(context, &values).expect("the ledger's values are of its columns' types");
        let mut file = None;
        let mut keep = |finished| {
            file = Some(finished);
            Ok::<_, LakeError>(())
        };
        let mut writer = SegmentWriter::new(&self.source, &self.identity.app_id, &mut keep);
        writer.write(SOURCES, &builder.take())?;
        writer.finish()?;
        Ok(file.expect("a row makes a file"))
    }
}

/// The segments that are in the lake, by the names of their ledger files.
#[derive(Debug, Default)]
pub struct Ledger {
    names: HashSet<String>,
}

impl Ledger {
    pub(crate) fn new(names: impl Iterator<Item = String>) -> Self {
        Self { names: names.collect() }
    }

    /// Whether the segment is in the lake.
    pub fn has(&self, source: &SourceId) -> bool {
        self.names.contains(&source.file_name(SOURCES, 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_depend_on_all_that_identifies_a_segment() {
        let id = |uri: &str, etag: &str| SourceId { uri: uri.into(), etag: etag.into() };
        let name = |id: SourceId| id.file_name(SOURCES, 0);
        let first = name(id("s3://b/k", "e"));
        assert_eq!(first, name(id("s3://b/k", "e")));
        assert_ne!(first, name(id("s3://b/k", "f")));
        assert_ne!(first, name(id("s3://b/ke", "")));
        assert_ne!(first, id("s3://b/k", "e").file_name(SOURCES, 1));
    }
}
