//! Where logs come from and how they get into the lake.
//!
//! [`discover`] finds the segments under the paths that a user names, [`ingest`] reads those that
//! the ledger does not have: `rayon` decodes segments side by side, `tokio` waits for the lake.
//! [`Watch`] does so with a folder for as long as Spark writes into it, [`Worker`] with what a queue
//! tells of buckets.
//! Bad input is counted and kept in quarantine; it never ends a run.

mod admission;
mod aws;
mod commits;
mod discover;
mod doctor;
mod envelope;
mod fetch;
mod group;
mod health;
mod lease;
mod listing;
mod logs;
mod metrics;
mod objects;
mod opener;
mod pipeline;
mod quarantine;
mod queue;
mod read;
mod replay;
mod report;
mod retention;
pub mod retry;
mod run;
mod s3;
mod segment;
mod sqs;
mod sweep;
mod watch;
mod watch_metrics;
mod worker;
mod worker_metrics;

pub use aws::{impatient_settings as impatient_aws_settings, settings as aws_settings};
pub use discover::{Discovery, discover};
pub use doctor::{
    Check, InspectedQueue, LakeRights, Verdict, check_announced, check_folder, check_lake,
    check_logs, check_queue,
};
pub use envelope::{EnvelopeError, Notice, notices};
pub use group::GroupLimits;
pub use health::Health;
pub use listing::Discoveries;
pub use metrics::{Family, Metrics, Sample};
pub use objects::{Address, Object, ObjectError, Objects, Page, Part};
pub use opener::unpacked;
pub use quarantine::Problem;
pub use queue::{Depth, Message, Queue, QueueError};
pub use replay::{ReplayError, replay_objects, replay_place, replay_queue};
pub use report::{Progress, Report};
pub use retention::{CleanError, Cleaned, FoundLog, Retention, clean};
pub use run::{IngestError, Options, ingest};
pub use s3::S3;
pub use segment::{Log, Place, Segment};
pub use sqs::Sqs;
pub use watch::{Watch, WatchError, WatchOptions};
pub use watch_metrics::WatchMetrics;
pub use worker::{Worker, WorkerError, WorkerOptions};
pub use worker_metrics::{Fate, WorkerMetrics};
