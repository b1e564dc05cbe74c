//! The checks of the ordinary tests, for the fuzz target.

#[path = "../../tests/it/checks/mod.rs"]
pub mod checks;
