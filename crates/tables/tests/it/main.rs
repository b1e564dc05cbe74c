//! Lines of real logs into rows.

mod reference;
mod rows;
