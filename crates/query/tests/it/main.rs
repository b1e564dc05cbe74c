//! The engine over a lake of real logs.

mod pruning;
mod slt;
