//! What Spark writes: names of event logs, codecs, lines, and the values inside an event.
//!
//! Pure and synchronous: bytes in, borrowed values out. This is the only crate that touches
//! `simd-json`, and it knows neither Arrow nor any I/O beyond [`std::io::Read`].
//!
//! The way through it: [`LogName`] says whether a path can be part of an event log and which,
//! [`open`] undoes the compression, [`Lines`] cuts the bytes into lines, [`event_class`] routes a
//! line by its first bytes, and a [`Decoder`] with a [`Layout`] pulls out the values that a table
//! wants. Lines like one that was decoded need no decoder: [`Shapes`] find the same values in them.

mod codec;
mod decode;
mod event;
mod json;
mod layout;
mod lines;
mod name;
mod plan;
mod shape;

pub use codec::{Codec, CodecError, Input, open};
pub use decode::{DecodeError, Decoder, Event, Nested, Slots, Value};
pub use event::{event_class, event_name};
pub use layout::{Items, Layout, Slot};
pub use lines::{Line, LineError, Lines};
pub use name::{Identity, LogLayout, LogName};
pub use shape::{Form, Matched, Part, Shapes, Sink, Wanted};
