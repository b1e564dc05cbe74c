//! What must hold of any input. The fuzz target of `fuzz/` looks for inputs of which it does not
//! hold; the ordinary tests check what it found worth keeping, and every real log.

pub mod shapes;
