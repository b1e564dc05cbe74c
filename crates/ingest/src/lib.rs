//! Where logs come from and how they get into the lake.
//!
//! [`discover`] finds the segments under the paths that a user names, [`ingest`] reads those that
//! the ledger does not have: `rayon` decodes segments side by side, `tokio` waits for the lake.
//! Bad input is counted and kept in quarantine; it never ends a run.

mod discover;
mod quarantine;
mod report;
mod run;
mod segment;

pub use discover::{Discovery, Segment, discover};
pub use quarantine::Problem;
pub use report::{Progress, Report};
pub use run::{IngestError, Options, ingest};
