//! Answers: DataFusion over the lake, with the views and metrics of `sql/`.
//!
//! An [`Engine`] has the lake's tables in schema `lake` and a view for each file of `sql/views/`.
//! What users ask can read these and nothing else: no statement that defines, writes or sets
//! anything is planned, and the only store that a plan can reach is the lake's.

mod app_ids;
mod engine;
mod error;
mod functions;
mod kept_parts;
mod known;
mod metrics;
mod rollups;
mod shared;
mod sql_type;
mod table;
mod table_functions;
mod views;

pub use engine::{Answer, AnswerStream, Engine, Settings, statements};
pub use error::QueryError;
pub use known::{Threshold, Thresholds};
pub use metrics::{
    Bucket, Families, Family, FamilyType, Limits, Metric, Rest, Sample, metrics_reference,
};
pub use rollups::{LiveRollups, RolledUp};
pub use views::View;
