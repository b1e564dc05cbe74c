//! What must hold of any input. The fuzz targets of `fuzz/` look for inputs of which it does not
//! hold; the ordinary tests check what they found worth keeping, and what proptest comes up with.

pub mod choices;
pub mod codec;
pub mod decode;
pub mod framing;
pub mod json;
pub mod lines;
pub mod names;
pub mod reading;
pub mod rows;
