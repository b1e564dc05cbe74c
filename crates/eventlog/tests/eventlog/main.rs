//! The whole way from packed bytes to events, over streams made here, logs that Spark wrote, and
//! what fuzzing found worth keeping.

pub mod checks;
mod codecs;
mod corpus;
mod known;
mod logs;
mod testdata;
