//! The lake: Delta tables of facts, and the ledger of what is in them.
//!
//! A segment becomes rows exactly once because its data files are named after it: adding it again
//! adds the same names, which the Delta log reconciles to nothing. The ledger (`sources`) is
//! committed after all other tables and says which segments are in; from it follows which of them
//! count ([`Standing`]).
//!
//! [`SegmentWriter`] turns batches into files, [`Lake::put`] stores them, [`Lake::commit`] makes
//! them visible, and [`Lake::contents`] tells a reader which files count.

mod checkpoint;
mod compaction;
mod delta;
mod entries;
mod error;
mod inspection;
mod lake;
mod ledger;
mod merged;
mod parquet_file;
mod place;
mod rollup;
mod segment;
mod snapshot;
mod source;
mod standing;
mod storing;
mod vacuum;

pub use checkpoint::Checkpointed;
pub use compaction::{Compacted, CompactionOptions};
pub use error::{LakeError, MayPass, store_may_answer};
pub use inspection::TableFiles;
pub use lake::{Committed, Contents, Lake};
pub use ledger::{Ingested, Layout, Ledger, LedgerSegment};
pub use segment::{DataFile, SegmentWriter, StoredFile};
pub use snapshot::{LakeFile, ShownRows, Snapshot};
pub use source::SourceId;
pub use standing::Standing;
pub use vacuum::{KEPT_AT_LEAST, Vacuumed};
