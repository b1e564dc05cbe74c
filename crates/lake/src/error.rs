//! What can go wrong with the lake.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::iter;

use deltalake_core::DeltaTableError;
use deltalake_core::kernel::transaction::TransactionError;
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
    /// A table of a lake that has rows is not there.
    #[error(
        "table {table} is gone from the lake at {uri}, and its rows with it: put it back, or ingest the logs \
         into a new lake"
    )]
    TableGone {
        /// The table.
        table: &'static str,
        /// The lake's address as given.
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
    /// A data file was deleted before it was committed: its segment has to be read again.
    #[error(
        "file {path} was deleted before it was committed: that took longer than `maintain` keeps what \
         nobody commits; start again to read its segment again"
    )]
    Deleted {
        /// The file, from the root of the lake.
        path: String,
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

/// An error that may be one of a lake's store, which is out of reach now and then.
pub trait MayPass: Error {
    /// Whether it may go better in a moment.
    fn may_pass(&self) -> bool;
}

/// Whether `error` comes from the store of a lake, and may go better in a moment.
pub fn store_may_answer(error: &(dyn Error + 'static)) -> bool {
    let mut of_store = causes(error).filter_map(|cause| cause.downcast_ref()).peekable();
    of_store.peek().is_some() && !of_store.any(is_gone) && !is_refusal(error)
}

impl MayPass for LakeError {
    fn may_pass(&self) -> bool {
        let may_pass = match self {
            Self::Delta { source, .. } => !is_not_ours_to_write(source),
            Self::Store { source, .. } => !is_gone(source),
            _ => false,
        };
        may_pass && !is_refusal(self)
    }
}

impl LakeError {
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

/// Whether a data file is not there. Stores list and give what was stored at once, and what a table has is
/// not deleted: whoever does not find it looks at the table anew, or has lost it.
fn is_gone(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::NotFound { .. })
}

/// Whether the store will not let us, which only its owner can change.
fn is_refusal(error: &(dyn Error + 'static)) -> bool {
    use object_store::Error::{PermissionDenied, Unauthenticated};
    causes(error).any(|cause| {
        let of_store = cause.downcast_ref::<object_store::Error>();
        let of_files = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        matches!(of_store, Some(PermissionDenied { .. } | Unauthenticated { .. }))
            || matches!(of_files, Some(ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem))
    })
}

/// The error and what caused it.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| (*error).source())
}

/// Whether somebody has given the table properties with which this program may not write it.
fn is_not_ours_to_write(error: &DeltaTableError) -> bool {
    use TransactionError::{DeltaTableAppendOnly, TableFeaturesRequired, UnsupportedTableFeatures};
    let DeltaTableError::Transaction { source } = error else { return false };
    matches!(source, DeltaTableAppendOnly | TableFeaturesRequired(_) | UnsupportedTableFeatures(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(source: object_store::Error) -> LakeError {
        LakeError::Store { path: "tasks/part-1.parquet".to_owned(), source }
    }

    fn files(kind: ErrorKind) -> object_store::Error {
        object_store::Error::Generic { store: "files", source: Box::new(io::Error::from(kind)) }
    }

    fn gone() -> object_store::Error {
        object_store::Error::NotFound { path: "tasks".to_owned(), source: "no such key".into() }
    }

    fn s3(denies: bool) -> object_store::Error {
        let (path, source) = ("tasks".to_owned(), "so it says".into());
        match denies {
            true => object_store::Error::PermissionDenied { path, source },
            false => object_store::Error::Generic { store: "S3", source },
        }
    }

    #[test]
    fn who_is_refused_need_not_ask_again() {
        let delta = |source| LakeError::delta("tasks")(DeltaTableError::ObjectStore { source });
        let transaction =
            |source| LakeError::delta("tasks")(DeltaTableError::Transaction { source });
        for (error, may_pass) in [
            (store(s3(false)), true),
            (delta(s3(false)), true),
            (store(files(ErrorKind::StorageFull)), true),
            (store(s3(true)), false),
            (store(gone()), false),
            // An entry of a log that is deleted between being listed and read.
            (delta(gone()), true),
            (delta(s3(true)), false),
            (store(files(ErrorKind::PermissionDenied)), false),
            (delta(files(ErrorKind::ReadOnlyFilesystem)), false),
            (transaction(TransactionError::MaxCommitAttempts(1)), true),
            (transaction(TransactionError::DeltaTableAppendOnly), false),
            (transaction(TransactionError::UnsupportedTableFeatures(Vec::new())), false),
            (LakeError::Deleted { path: String::new() }, false),
        ] {
            assert_eq!(error.may_pass(), may_pass, "{error:?}");
        }
    }
}
