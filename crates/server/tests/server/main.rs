//! The server over real HTTP, and over a lake of the logs in `testdata/`.

mod fixture;
mod metrics;
mod prometheus;
mod promtool;
mod status;
