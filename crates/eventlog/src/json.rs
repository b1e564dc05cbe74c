//! Parsed values back into JSON text, for what the lake keeps as JSON.

use std::fmt::{self, Display, Formatter, Write};

use simd_json::{Node, StaticNode};

use crate::decode::Nested;

/// An array or an object that is not closed yet.
struct Open {
    closing: char,
    is_object: bool,
    /// Values that it has; of an object, keys as well.
    len: usize,
    written: usize,
}

impl Display for Nested<'_> {
    /// One walk over the tape, however deep: what is open is kept apart from the stack.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut open: Vec<Open> = Vec::new();
        for node in self.0 {
            if let Some(around) = open.last_mut() {
                match around.written {
                    0 => {}
                    n if around.is_object && n % 2 == 1 => f.write_char(':')?,
                    _ => f.write_char(',')?,
                }
                around.written += 1;
            }
            match node {
                Node::String(text) => write_string(f, text)?,
                Node::Static(StaticNode::F64(number)) => write!(f, "{number:?}")?,
                Node::Static(other) => write!(f, "{other}")?,
                Node::Array { len, .. } => {
                    f.write_char('[')?;
                    open.push(Open { closing: ']', is_object: false, len: *len, written: 0 });
                }
                Node::Object { len, .. } => {
                    f.write_char('{')?;
                    open.push(Open { closing: '}', is_object: true, len: 2 * len, written: 0 });
                }
            }
            while let Some(done) = open.pop_if(|around| around.written == around.len) {
                f.write_char(done.closing)?;
            }
        }
        Ok(())
    }
}

fn write_string(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
            continue;
        }
        f.write_str(&text[plain..at])?;
        plain = at + 1;
        match byte {
            b'"' => f.write_str("\\\"")?,
            b'\\' => f.write_str("\\\\")?,
            b'\n' => f.write_str("\\n")?,
            b'\r' => f.write_str("\\r")?,
            b'\t' => f.write_str("\\t")?,
            control => write!(f, "\\u{control:04x}")?,
        }
    }
    f.write_str(&text[plain..])?;
    f.write_char('"')
}
