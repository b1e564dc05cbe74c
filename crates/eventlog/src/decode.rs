//! Values out of a line: `simd-json`'s tape, walked once along a [`Layout`].

use std::fmt;

use simd_json::{Buffers, Node, StaticNode, Tape};
use thiserror::Error;

use crate::layout::{Items, Layout, NodeId};
use crate::lines::Line;

/// A value of an event, borrowed from its line.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Value<'a> {
    /// The event has no such field.
    #[default]
    Missing,
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer that fits.
    Int(i64),
    /// A number with a fraction, or an integer that does not fit.
    Float(f64),
    /// A string, unescaped.
    Text(&'a str),
    /// An array or an object.
    Nested(Nested<'a>),
}

impl Value<'_> {
    /// The name of the value's type, for messages.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Missing => "nothing",
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Int(_) => "an integer",
            Self::Float(_) => "a number",
            Self::Text(_) => "a string",
            Self::Nested(nested) => match nested.0.first() {
                Some(Node::Array { .. }) => "an array",
                _ => "an object",
            },
        }
    }
}

/// An array or an object of an event.
#[derive(Clone, Copy, PartialEq)]
pub struct Nested<'a>(pub(crate) &'a [Node<'a>]);

impl<'a> Nested<'a> {
    /// Whether it is an array.
    pub fn is_array(self) -> bool {
        matches!(self.0.first(), Some(Node::Array { .. }))
    }

    /// The elements of an array; an object has none.
    pub fn elements(self) -> impl Iterator<Item = Value<'a>> {
        let (len, mut rest) = match self.0.split_first() {
            Some((Node::Array { len, .. }, rest)) => (*len, rest),
            _ => (0, &[][..]),
        };
        (0..len).map(move |_| {
            let (head, tail) = rest.split_at(width(rest));
            rest = tail;
            value(head)
        })
    }
}

impl fmt::Debug for Nested<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Why a line is no event.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum DecodeError {
    /// The line is not JSON.
    #[error("not JSON: {0}")]
    Json(String),
    /// The line is JSON, but no object.
    #[error("not a JSON object")]
    NotAnObject,
}

/// Parses lines into events, in buffers that are reused from line to line.
#[derive(Default)]
pub struct Decoder {
    buffers: Buffers,
    tape: Vec<Node<'static>>,
}

impl Decoder {
    /// Parses `line` and hands the event to `read`.
    ///
    /// The line's bytes are not JSON any more afterwards: strings are unescaped where they stand.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] where the line is no JSON object.
    pub fn decode<T>(
        &mut self,
        line: &mut Line<'_>,
        read: impl FnOnce(Event<'_>) -> T,
    ) -> Result<T, DecodeError> {
        let mut tape = Tape(std::mem::take(&mut self.tape)).reset();
        let (padded, len) = line.padded();
        let parsed = simd_json::fill_tape_padded(padded, len, &mut self.buffers, &mut tape);
        let result = match (parsed, tape.0.first()) {
            (Err(error), _) => Err(DecodeError::Json(error.to_string())),
            (Ok(()), Some(Node::Object { .. })) => Ok(read(Event(&tape.0))),
            (Ok(()), _) => Err(DecodeError::NotAnObject),
        };
        self.tape = tape.reset().0;
        result
    }
}

/// A parsed event.
#[derive(Clone, Copy)]
pub struct Event<'a>(&'a [Node<'a>]);

impl<'a> Event<'a> {
    /// The class of the event, wherever its field stands.
    pub fn class(self) -> Option<&'a str> {
        let mut class = None;
        each_entry(self.0, |key, value| {
            if key == "Event"
                && let Node::String(name) = value[0]
            {
                class = Some(name);
            }
        });
        class
    }

    /// Fills `slots` and calls `row` for each row that the event has in this layout.
    ///
    /// # Errors
    ///
    /// The first error of `row`, which ends the walk.
    pub fn rows<E>(
        self,
        layout: &Layout,
        slots: &mut Slots<'a>,
        mut row: impl FnMut(&[Value<'a>]) -> Result<(), E>,
    ) -> Result<(), E> {
        slots.0.clear();
        slots.0.resize(layout.slots, Value::Missing);
        match layout.items {
            Items::Event => {
                fill(layout, layout.root, self.0, &mut slots.0);
                row(&slots.0)
            }
            Items::Elements(keys) => {
                fill(layout, layout.root, self.0, &mut slots.0);
                for_each(self.0, keys, |_, found| match found.first() {
                    Some(Node::Array { .. }) => Nested(found).elements().try_for_each(|item| {
                        let nodes = match item {
                            Value::Nested(nested) => nested.0,
                            _ => &[],
                        };
                        fill_item(layout, nodes, item, &mut slots.0);
                        row(&slots.0)
                    }),
                    _ => {
                        fill_item(layout, found, value(found), &mut slots.0);
                        row(&slots.0)
                    }
                })
            }
            Items::Entries(keys) => {
                fill(layout, layout.root, self.0, &mut slots.0);
                for_each(self.0, keys, |section, found| {
                    let mut result = Ok(());
                    each_entry(found, |key, nodes| {
                        if result.is_ok() {
                            fill_item(layout, nodes, value(nodes), &mut slots.0);
                            set(&mut slots.0, layout.section, Value::Text(section));
                            set(&mut slots.0, layout.key, Value::Text(key));
                            result = row(&slots.0);
                        }
                    });
                    result
                })
            }
        }
    }
}

/// Values by slot, reused from event to event of one line.
#[derive(Default)]
pub struct Slots<'a>(Vec<Value<'a>>);

impl Slots<'_> {
    /// The same memory for the next line.
    pub fn reuse<'b>(mut self) -> Slots<'b> {
        self.0.clear();
        Slots(self.0.into_iter().map(|_| Value::Missing).collect())
    }
}

fn set<'a>(slots: &mut [Value<'a>], slot: Option<u16>, value: Value<'a>) {
    if let Some(slot) = slot {
        slots[usize::from(slot)] = value;
    }
}

fn fill_item<'a>(layout: &Layout, nodes: &'a [Node<'a>], item: Value<'a>, slots: &mut [Value<'a>]) {
    for &slot in &layout.item_slots {
        slots[usize::from(slot)] = Value::Missing;
    }
    set(slots, layout.whole_item, item);
    fill(layout, layout.item, nodes, slots);
}

/// Walks an object once; its keys mostly come in the order in which they came last time, which
/// the order of the wanted keys follows closely enough to make the next one the first guess.
fn fill<'a>(layout: &Layout, node: NodeId, object: &'a [Node<'a>], slots: &mut [Value<'a>]) {
    let keys = &layout.nodes[usize::from(node)].keys;
    if keys.is_empty() {
        return;
    }
    let mut guess = 0;
    each_entry(object, |name, nodes| {
        let at = if keys.get(guess).is_some_and(|key| key.name == name) {
            guess
        } else if let Some(at) = keys.iter().position(|key| key.name == name) {
            at
        } else {
            return;
        };
        guess = at + 1;
        if let Some(slot) = keys[at].slot {
            slots[usize::from(slot)] = value(nodes);
        }
        if let Some(child) = keys[at].node {
            fill(layout, child, nodes, slots);
        }
    });
}

/// Calls `found` for what stands at each of `keys`, in the order of the event.
fn for_each<'a, E>(
    object: &'a [Node<'a>],
    keys: &[&str],
    mut found: impl FnMut(&'a str, &'a [Node<'a>]) -> Result<(), E>,
) -> Result<(), E> {
    let mut result = Ok(());
    each_entry(object, |key, nodes| {
        if result.is_ok() && keys.contains(&key) {
            result = found(key, nodes);
        }
    });
    result
}

/// Calls `entry` with the key and the nodes of every value of an object.
fn each_entry<'a>(object: &'a [Node<'a>], mut entry: impl FnMut(&'a str, &'a [Node<'a>])) {
    let Some((Node::Object { len, .. }, mut rest)) = object.split_first() else {
        return;
    };
    for _ in 0..*len {
        let Some((Node::String(key), values)) = rest.split_first() else {
            return;
        };
        let (head, tail) = values.split_at(width(values));
        entry(key, head);
        rest = tail;
    }
}

/// How many nodes the value at the front takes.
fn width(nodes: &[Node<'_>]) -> usize {
    match nodes.first() {
        Some(Node::Object { count, .. } | Node::Array { count, .. }) => count + 1,
        Some(_) => 1,
        None => 0,
    }
}

fn value<'a>(nodes: &'a [Node<'a>]) -> Value<'a> {
    match nodes.first() {
        None => Value::Missing,
        Some(Node::String(text)) => Value::Text(text),
        Some(Node::Object { .. } | Node::Array { .. }) => Value::Nested(Nested(nodes)),
        Some(Node::Static(number)) => match *number {
            StaticNode::Null => Value::Null,
            StaticNode::Bool(flag) => Value::Bool(flag),
            StaticNode::I64(n) => Value::Int(n),
            StaticNode::U64(n) => i64::try_from(n).map_or(Value::Float(n as f64), Value::Int),
            StaticNode::F64(n) => Value::Float(n),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Slot;
    use crate::lines::Lines;

    fn rows(layout: &Layout, text: &str) -> Result<Vec<String>, DecodeError> {
        let mut lines = Lines::new(text.as_bytes(), 1 << 20);
        let mut line = lines.next_line().expect("a line").expect("that reads");
        Decoder::default().decode(&mut line, |event| {
            let mut rows = Vec::new();
            let mut slots = Slots::default();
            event
                .rows(layout, &mut slots, |row| {
                    rows.push(format!("{row:?}"));
                    Ok::<_, ()>(())
                })
                .expect("no row fails");
            rows
        })
    }

    #[test]
    fn values_go_to_their_slots() {
        let layout = Layout::new(
            Items::Event,
            ["Info/ID", "Info/Name|name", "Gone", "Flag", "Ratio", "IDs"].map(Slot::Event),
        );
        let text = r#"{"Event":"E","Flag":true,"Info":{"Skipped":[1,{"ID":9}],"ID":7,"Name":"a\"b"},"Ratio":0.5,"IDs":[1,2]}"#;
        assert_eq!(
            rows(&layout, text).expect("an event"),
            [r#"[Int(7), Text("a\"b"), Missing, Bool(true), Float(0.5), Nested([1,2])]"#]
        );
        assert_eq!(
            rows(&layout, r#"{"name":"other","Flag":null}"#).expect("an event"),
            [r#"[Missing, Text("other"), Missing, Null, Missing, Missing]"#]
        );
    }

    #[test]
    fn each_element_is_a_row() {
        let layout = Layout::new(
            Items::Elements(&["Infos", "Info"]),
            [Slot::Event("Job"), Slot::Item("ID"), Slot::Item("Name")],
        );
        assert_eq!(
            rows(&layout, r#"{"Infos":[{"ID":1,"Name":"x"},{"ID":2}],"Job":5}"#).expect("an event"),
            [r#"[Int(5), Int(1), Text("x")]"#, "[Int(5), Int(2), Missing]"]
        );
        assert_eq!(
            rows(&layout, r#"{"Info":{"ID":3}}"#).expect("an event"),
            ["[Missing, Int(3), Missing]"]
        );
        assert!(rows(&layout, r#"{"Job":5}"#).expect("an event").is_empty());
    }

    #[test]
    fn each_entry_is_a_row() {
        let layout = Layout::new(
            Items::Entries(&["A", "B"]),
            [Slot::Section, Slot::Key, Slot::Item(""), Slot::Item("Amount")],
        );
        assert_eq!(
            rows(&layout, r#"{"A":{"k":"v"},"C":{"no":1},"B":{"l":{"Amount":2}}}"#)
                .expect("an event"),
            [
                r#"[Text("A"), Text("k"), Text("v"), Missing]"#,
                r#"[Text("B"), Text("l"), Nested({"Amount":2}), Int(2)]"#
            ]
        );
    }

    #[test]
    fn what_is_no_event_says_so() {
        let layout = Layout::new(Items::Event, []);
        assert_eq!(rows(&layout, "[1]"), Err(DecodeError::NotAnObject));
        assert!(matches!(rows(&layout, r#"{"Event":"#), Err(DecodeError::Json(_))));
        assert!(matches!(rows(&layout, "not json"), Err(DecodeError::Json(_))));
    }
}
