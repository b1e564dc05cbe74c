//! The engine over a lake of real logs.

mod slt;
