//! The lake: Delta tables of facts, and the ledger of what is in them.
//!
//! A segment becomes rows exactly once because its data files are named after it: adding it again
//! adds the same names, which the Delta log reconciles to nothing. The ledger (`sources`) is
//! committed after all other tables and says which segments are in.
//!
//! [`SegmentWriter`] turns batches into files, [`Lake::put`] stores them, [`Lake::commit`] makes
//! them visible, and a [`Snapshot`] tells a reader which files a table has.

mod error;
mod lake;
mod ledger;
mod segment;
mod snapshot;

pub use error::LakeError;
pub use lake::Lake;
pub use ledger::{Ingested, Ledger, SourceId};
pub use segment::{DataFile, SegmentWriter, StoredFile};
pub use snapshot::{LakeFile, Snapshot};
