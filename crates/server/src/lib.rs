//! The network faces of the engine: metrics for Prometheus, and what an orchestrator asks.
//!
//! | path | answer |
//! | --- | --- |
//! | `/metrics` | the families of `sql/metrics/` and the server's own, in Prometheus' text format or OpenMetrics |
//! | `/healthz` | 200 as long as the process answers |
//! | `/readyz` | 200 where the lake can be read, else 503 with the reason |
//! | `/` | a page that names the others |
//!
//! A scrape asks the lake nothing: a task in the background renders a snapshot of all families
//! whenever the lake has news, and scrapes are given the latest.
//!
//! A process that works instead of answering questions has a [`ProbeServer`], with the first three
//! paths and only its own families.

mod error;
mod exposition;
mod listener;
mod names;
mod own;
mod probe;
mod requests;
mod routes;
mod scrape;
mod server;
mod settings;
mod snapshot;

pub use error::ServerError;
pub use exposition::Exposition;
pub use names::NameError;
pub use probe::{Probe, ProbeServer};
pub use server::{Server, serve};
pub use settings::Settings;
