//! The whole way from packed bytes to events, over streams made here and logs that Spark wrote.

mod codecs;
mod framing;
mod testdata;
