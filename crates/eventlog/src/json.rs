//! Parsed values back into JSON text, for what the lake keeps as JSON.

use std::fmt::{self, Display, Formatter, Write};

use simd_json::{Node, StaticNode};

use crate::decode::Nested;

impl Display for Nested<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_value(f, self.0).map(|_| ())
    }
}

/// Writes the value at the front and returns the nodes behind it.
fn write_value<'n>(
    f: &mut Formatter<'_>,
    nodes: &'n [Node<'n>],
) -> Result<&'n [Node<'n>], fmt::Error> {
    let Some((node, mut rest)) = nodes.split_first() else {
        return Ok(nodes);
    };
    match node {
        Node::String(text) => write_string(f, text)?,
        Node::Static(StaticNode::F64(number)) => write!(f, "{number:?}")?,
        Node::Static(other) => write!(f, "{other}")?,
        Node::Array { len, .. } => {
            f.write_char('[')?;
            for n in 0..*len {
                if n > 0 {
                    f.write_char(',')?;
                }
                rest = write_value(f, rest)?;
            }
            f.write_char(']')?;
        }
        Node::Object { len, .. } => {
            f.write_char('{')?;
            for n in 0..*len {
                if n > 0 {
                    f.write_char(',')?;
                }
                rest = write_value(f, rest)?;
                f.write_char(':')?;
                rest = write_value(f, rest)?;
            }
            f.write_char('}')?;
        }
    }
    Ok(rest)
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
