//! The checks of the ordinary tests, for the fuzz targets.

#[path = "../../tests/eventlog/checks/mod.rs"]
pub mod checks;
