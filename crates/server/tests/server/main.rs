//! The server over real HTTP, and over a lake of the logs in `testdata/`.

mod fixture;
mod metrics;
mod promtool;
mod status;
