//! What can go wrong with the lake.

use deltalake_core::DeltaTableError;
use thiserror::Error;

/// An error of the lake.
#[derive(Debug, Error)]
pub enum LakeError {
    /// The address cannot be a lake: the user must give another.
    #[error("{uri} cannot be a lake: {reason}")]
    Address {
        /// The address as given.
        uri: String,
        /// Why not.
        reason: String,
    },
    /// There is no lake at the address: something must be ingested first.
    #[error("there is no lake at {uri}; `stagelight ingest` makes one, `--lake` names another")]
    Missing {
        /// The address as given.
        uri: String,
    },
    /// Another lake is where the one was that is open.
    #[error("the lake at {uri} was replaced by another; start anew to open that")]
    Replaced {
        /// Where it is.
        uri: String,
    },
    /// The lake has not what this version of the program keeps in it.
    #[error(
        "table {table} is of another version of stagelight; ingest the logs into a new lake with \
         this one"
    )]
    Format {
        /// The table.
        table: &'static str,
    },
    /// The table's log could not be read or written. Trying again may help.
    #[error("table {table}: {source}")]
    Delta {
        /// The table.
        table: &'static str,
        /// What delta-rs says.
        source: Box<DeltaTableError>,
    },
    /// A data file could not be stored or fetched. Trying again may help.
    #[error("file {path}: {source}")]
    Store {
        /// The file, from the root of the lake.
        path: String,
        /// What the store says.
        source: object_store::Error,
    },
    /// A data file cannot be read: it is damaged, or of another version of this program.
    #[error("decoding {table}: {source}")]
    Decode {
        /// The table.
        table: &'static str,
        /// What the reader says.
        source: parquet::errors::ParquetError,
    },
    /// A batch could not be encoded: a defect, not a fault of the input.
    #[error("encoding {table}: {source}")]
    Encode {
        /// The table.
        table: &'static str,
        /// What the writer says.
        source: parquet::errors::ParquetError,
    },
}

impl LakeError {
    /// Whether it may go better in a moment.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Delta { .. } | Self::Store { .. })
    }

    pub(crate) fn delta(table: &'static str) -> impl FnOnce(DeltaTableError) -> Self {
        move |source| Self::Delta { table, source: Box::new(source) }
    }

    pub(crate) fn decode(
        table: &'static str,
    ) -> impl FnOnce(parquet::errors::ParquetError) -> Self {
        move |source| Self::Decode { table, source }
    }

    pub(crate) fn encode(
        table: &'static str,
    ) -> impl FnOnce(parquet::errors::ParquetError) -> Self {
        move |source| Self::Encode { table, source }
    }
}
