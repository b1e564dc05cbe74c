//! Values out of a line: `simd-json`'s tape, walked once along a [`Layout`].

use std::fmt;

use simd_json::{Buffers, Node, StaticNode, Tape};
use thiserror::Error;

use crate::layout::{Items, Key, Layout, NodeId};
use crate::lines::Line;
use crate::plan::{PlanEdge, PlanGraph, PlanNode};

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
        elements(self.0).map(value)
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
        text_at(self.0, "Event")
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
        row: impl FnMut(&[Value<'a>]) -> Result<(), E>,
    ) -> Result<(), E> {
        slots.0.clear();
        slots.0.resize(layout.slots, Value::Missing);
        fill(layout, layout.root, self.0, &mut slots.0);
        let mut found = Found { layout, slots: &mut slots.0, row };
        match layout.items {
            Items::Event => (found.row)(found.slots),
            Items::Elements(paths) => found.elements(self.0, paths, |_| true).map(|_| ()),
            Items::ElementsExcept { at, key, prefix } => {
                let keep = |nodes| text_at(nodes, key).is_none_or(|text| !text.starts_with(prefix));
                found.elements(self.0, at, keep).map(|_| ())
            }
            Items::ElementsOrEvent(paths) => {
                if found.elements(self.0, paths, |_| true)? {
                    return Ok(());
                }
                found.item(None, self.0)
            }
            Items::Entries(paths) => find(self.0, paths, None, &mut |section, _, nodes| {
                entries(nodes).try_for_each(|(key, nodes)| found.entry(section, key, nodes))
            }),
            Items::PlanNodes => {
                PlanGraph::of(self.0).nodes.into_iter().try_for_each(|node| found.plan_node(node))
            }
            Items::PlanEdges => {
                PlanGraph::of(self.0).edges.into_iter().try_for_each(|edge| found.plan_edge(edge))
            }
            Items::PlanMetrics => {
                for node in PlanGraph::of(self.0).nodes {
                    for metric in elements_at(node.plan, "metrics") {
                        found.plan_metric(Some(node.id), metric)?;
                    }
                }
                elements_at(self.0, "sqlPlanMetrics")
                    .try_for_each(|metric| found.plan_metric(None, metric))
            }
        }
    }
}

/// The items of one event, on their way into rows.
struct Found<'l, 's, 'a, R> {
    layout: &'l Layout,
    slots: &'s mut Vec<Value<'a>>,
    row: R,
}

impl<'a, E, R: FnMut(&[Value<'a>]) -> Result<(), E>> Found<'_, '_, 'a, R> {
    /// Makes a row of each element that `keep` keeps; returns whether any path was there.
    fn elements(
        &mut self,
        event: &'a [Node<'a>],
        paths: &[&str],
        keep: impl Fn(&'a [Node<'a>]) -> bool,
    ) -> Result<bool, E> {
        let mut any = false;
        find(event, paths, None, &mut |_, outer, nodes| {
            any = true;
            match nodes.first() {
                Some(Node::Array { .. }) => elements(nodes)
                    .filter(|item| keep(item))
                    .try_for_each(|item| self.item(outer, item)),
                _ if keep(nodes) => self.item(outer, nodes),
                _ => Ok(()),
            }
        })?;
        Ok(any)
    }

    fn item(&mut self, outer: Option<&'a [Node<'a>]>, nodes: &'a [Node<'a>]) -> Result<(), E> {
        self.fill(nodes);
        if let Some(outer) = outer {
            fill(self.layout, self.layout.outer, outer, self.slots);
        }
        (self.row)(self.slots)
    }

    fn entry(&mut self, section: &'a str, key: &'a str, nodes: &'a [Node<'a>]) -> Result<(), E> {
        self.fill(nodes);
        self.set(self.layout.section, Value::Text(section));
        self.set(self.layout.key, Value::Text(key));
        (self.row)(self.slots)
    }

    fn plan_node(&mut self, node: PlanNode<'a>) -> Result<(), E> {
        self.fill(node.plan);
        self.set(self.layout.node_id, Value::Int(node.id));
        self.set(self.layout.cluster_id, node.cluster.map_or(Value::Missing, Value::Int));
        (self.row)(self.slots)
    }

    fn plan_edge(&mut self, edge: PlanEdge) -> Result<(), E> {
        self.set(self.layout.node_id, Value::Int(edge.from));
        self.set(self.layout.to_node_id, Value::Int(edge.to));
        (self.row)(self.slots)
    }

    fn plan_metric(&mut self, node: Option<i64>, metric: &'a [Node<'a>]) -> Result<(), E> {
        self.fill(metric);
        self.set(self.layout.node_id, node.map_or(Value::Missing, Value::Int));
        (self.row)(self.slots)
    }

    /// Fills the slots of an item and empties those that it does not have.
    fn fill(&mut self, nodes: &'a [Node<'a>]) {
        for &slot in &self.layout.item_slots {
            self.slots[usize::from(slot)] = Value::Missing;
        }
        self.set(self.layout.whole_item, value(nodes));
        fill(self.layout, self.layout.item, nodes, self.slots);
    }

    fn set(&mut self, slot: Option<u16>, value: Value<'a>) {
        if let Some(slot) = slot {
            self.slots[usize::from(slot)] = value;
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

/// Walks an object once; its keys mostly come in the order in which they came last time, which
/// the order of the wanted keys follows closely enough to make the next one the first guess.
fn fill<'a>(layout: &Layout, node: NodeId, object: &'a [Node<'a>], slots: &mut [Value<'a>]) {
    let keys = &layout.nodes[usize::from(node)].keys;
    if keys.is_empty() {
        return;
    }
    if let Some(Node::Array { .. }) = object.first() {
        return fill_elements(layout, keys, object, slots);
    }
    let mut guess = 0;
    for (name, nodes) in entries(object) {
        let at = if keys.get(guess).is_some_and(|key| key.name == name) {
            guess
        } else if let Some(at) = keys.iter().position(|key| key.name == name) {
            at
        } else {
            continue;
        };
        guess = at + 1;
        fill_key(layout, &keys[at], nodes, slots);
    }
}

/// As [`fill`], where the keys are the places of an array's elements.
fn fill_elements<'a>(
    layout: &Layout,
    keys: &[Key],
    array: &'a [Node<'a>],
    slots: &mut [Value<'a>],
) {
    for (at, nodes) in elements(array).enumerate() {
        if let Some(key) = keys.iter().find(|key| key.name.parse() == Ok(at)) {
            fill_key(layout, key, nodes, slots);
        }
    }
}

fn fill_key<'a>(layout: &Layout, key: &Key, nodes: &'a [Node<'a>], slots: &mut [Value<'a>]) {
    for &slot in &key.slots {
        slots[usize::from(slot)] = value(nodes);
    }
    if let Some(child) = key.node {
        fill(layout, child, nodes, slots);
    }
}

/// Calls `found` with what stands at each of `paths`, its key, and the innermost array element that
/// the path led through, in the order of the event.
fn find<'a, E>(
    object: &'a [Node<'a>],
    paths: &[&str],
    outer: Option<&'a [Node<'a>]>,
    found: &mut dyn FnMut(&'a str, Option<&'a [Node<'a>]>, &'a [Node<'a>]) -> Result<(), E>,
) -> Result<(), E> {
    for (key, nodes) in entries(object) {
        for path in paths {
            match path.strip_prefix(key).map(|rest| rest.strip_prefix('/').ok_or(rest)) {
                Some(Err("")) => found(key, outer, nodes)?,
                Some(Ok(rest)) if matches!(nodes.first(), Some(Node::Array { .. })) => {
                    for element in elements(nodes) {
                        find(element, &[rest], Some(element), found)?;
                    }
                }
                Some(Ok(rest)) => find(nodes, &[rest], outer, found)?,
                _ => {}
            }
        }
    }
    Ok(())
}

/// Keys and values of an object; anything else has none.
pub(crate) fn entries<'a>(
    object: &'a [Node<'a>],
) -> impl Iterator<Item = (&'a str, &'a [Node<'a>])> {
    let (len, mut rest) = match object.split_first() {
        Some((Node::Object { len, .. }, rest)) => (*len, rest),
        _ => (0, &[][..]),
    };
    (0..len).map_while(move |_| {
        let (Node::String(key), values) = rest.split_first()? else { return None };
        let (head, tail) = values.split_at(width(values));
        rest = tail;
        Some((*key, head))
    })
}

/// The elements of an array; anything else has none.
pub(crate) fn elements<'a>(array: &'a [Node<'a>]) -> impl Iterator<Item = &'a [Node<'a>]> {
    let (len, mut rest) = match array.split_first() {
        Some((Node::Array { len, .. }, rest)) => (*len, rest),
        _ => (0, &[][..]),
    };
    (0..len).map(move |_| {
        let (head, tail) = rest.split_at(width(rest));
        rest = tail;
        head
    })
}

/// The elements of the array that stands at `key` of an object.
pub(crate) fn elements_at<'a>(
    object: &'a [Node<'a>],
    key: &'static str,
) -> impl Iterator<Item = &'a [Node<'a>]> {
    entries(object).filter(move |(name, _)| *name == key).flat_map(|(_, nodes)| elements(nodes))
}

/// The text that stands at `key` of an object.
pub(crate) fn text_at<'a>(object: &'a [Node<'a>], key: &str) -> Option<&'a str> {
    entries(object).find(|(name, _)| *name == key).and_then(|(_, nodes)| match nodes.first() {
        Some(Node::String(text)) => Some(*text),
        _ => None,
    })
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

    #[test]
    fn lines_are_parsed_with_the_vectors_of_the_processor() {
        let used = simd_json::Deserializer::algorithm();
        if cfg!(target_arch = "aarch64") {
            assert_eq!(used, simd_json::Implementation::NEON);
        } else {
            assert_ne!(used, simd_json::Implementation::Native);
        }
    }
}
