//! Where the values of a line stand in its text.

use std::ops::Range;

/// Deeper lines are not learned from.
const MAX_DEPTH: usize = 24;

/// A value and its place in the line.
#[derive(Debug)]
pub(super) enum Tree {
    /// A string; the place is that of its characters, between the quotes.
    Text(Range<usize>),
    /// A number, a boolean or null.
    Plain(Range<usize>),
    /// An object's keys, as places, and values.
    Object(Vec<(Range<usize>, Tree)>),
    /// An array's elements; the place is that of the whole array, with its brackets.
    Array(Range<usize>, Vec<(Range<usize>, Tree)>),
}

/// The tree of a line that `simd-json` has read without complaint; `None` where it has escapes,
/// is too deep, or has a key twice.
pub(super) fn parse(line: &[u8]) -> Option<Tree> {
    if memchr::memchr(b'\\', line).is_some() {
        return None;
    }
    let mut reader = Reader { line, at: 0 };
    reader.space();
    reader.value(0)
}

struct Reader<'a> {
    line: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Option<Tree> {
        if depth > MAX_DEPTH {
            return None;
        }
        match self.peek()? {
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'"' => self.string().map(Tree::Text),
            _ => {
                let start = self.at;
                while !matches!(self.peek(), None | Some(b',' | b'}' | b']' | b' ' | b'\t' | b'\r'))
                {
                    self.at += 1;
                }
                Some(Tree::Plain(start..self.at))
            }
        }
    }

    fn object(&mut self, depth: usize) -> Option<Tree> {
        let mut entries: Vec<(Range<usize>, Tree)> = Vec::new();
        self.at += 1;
        self.space();
        while self.peek()? != b'}' {
            let key = self.string()?;
            if entries.iter().any(|(other, _)| self.line[other.clone()] == self.line[key.clone()]) {
                return None;
            }
            self.space();
            self.skip(b':')?;
            let value = self.value(depth + 1)?;
            entries.push((key, value));
            self.space();
            if self.peek()? == b',' {
                self.skip(b',')?;
            }
        }
        self.at += 1;
        Some(Tree::Object(entries))
    }

    fn array(&mut self, depth: usize) -> Option<Tree> {
        let whole = self.at;
        let mut elements = Vec::new();
        self.at += 1;
        self.space();
        while self.peek()? != b']' {
            let start = self.at;
            let value = self.value(depth + 1)?;
            elements.push((start..self.at, value));
            self.space();
            if self.peek()? == b',' {
                self.skip(b',')?;
            }
        }
        self.at += 1;
        Some(Tree::Array(whole..self.at, elements))
    }

    fn string(&mut self) -> Option<Range<usize>> {
        let start = self.at + 1;
        let end = start + memchr::memchr(b'"', self.line.get(start..)?)?;
        self.at = end + 1;
        Some(start..end)
    }

    /// Passes over `byte` and the space behind it.
    fn skip(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| {
            self.at += 1;
            self.space();
        })
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.line.get(self.at).copied()
    }
}
