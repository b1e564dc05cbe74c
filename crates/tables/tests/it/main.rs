//! Lines of real logs into rows.

pub mod checks;
mod reference;
mod rows;
mod shapes;
