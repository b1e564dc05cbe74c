//! The tables of the lake: each column declared once, and the way of events into Arrow batches.
//!
//! A file under `tables/` declares a table with its columns: name, type, where in the event the
//! value stands, and what it means. Schema, builders, decoding, Parquet encoding and the column
//! reference all come from that. [`Rows`] takes lines and gives batches.

mod block;
mod builder;
mod column;
mod parquet;
mod reference;
mod rows;
mod sums;
mod table;
mod tables;
mod values;

pub use builder::{RowContext, RowError, TableBuilder};
pub use column::{Column, Context, Fold, Kind, Role, Source, Tasks};
pub use parquet::{ROW_GROUP_ROWS, writer_properties};
pub use reference::reference;
pub use rows::{Rejection, Rows};
pub use table::Table;
pub use tables::{APPLICATION_TOTALS, EVENTS, QUARANTINE, SOURCES, SUMS, all};
