//! Lines into values: what another parser finds in them, in the rows that their layouts say.
//!
//! The other parser, serde_json, is followed but for two things. It refuses what is nested more than
//! 127 deep, where we take up to 1024; such a line is only read again from what it was written as.
//! And it makes a float of an integer that is longer than 64 bits, where we refuse the line: Spark
//! has no such integers.

use std::convert::Infallible;
use std::sync::LazyLock;

use stagelight_eventlog::{
    DecodeError, Decoder, Event, Items, Layout, Line, Lines, Slot, Slots, Value, event_class,
};

use super::json::Json;
use super::rows::rows;

const LIMIT: usize = 1 << 20;

/// Layouts of every kind, mostly of what real lines have.
const LAYOUTS: &[(Items, &[Slot])] = &[
    // The whole event.
    (Items::ElementsOrEvent(&[]), &[Slot::Item("")]),
    (
        Items::Event,
        &[
            Slot::Event("Event"),
            Slot::Event("Stage ID|stageId"),
            Slot::Event("Task Info"),
            Slot::Event("Task Info/Task ID"),
            Slot::Event("Task Info/Accumulables/0/ID"),
            Slot::Event("Stage Info/RDD Info/1/Storage Level|Stage Info/Stage ID"),
            Slot::Event("a|a/b|c"),
            Slot::Event("a/b/c"),
            Slot::Event("a/0|a/1/b"),
            // What is of no use here has no value.
            Slot::Item(""),
            Slot::Outer("a"),
            Slot::Section,
            Slot::Key,
            Slot::NodeId,
            Slot::ClusterId,
            Slot::ToNodeId,
        ],
    ),
    (
        Items::Elements(&["Stage Infos", "Stage Info", "accumUpdates", "a", "b/c"]),
        &[
            Slot::Event("Submission Time"),
            Slot::Item("Stage ID"),
            Slot::Item("RDD Info/0/Name"),
            Slot::Item("0"),
            Slot::Item("1"),
            Slot::Item("a/b"),
            Slot::Item("c|d"),
            Slot::Item(""),
            Slot::Outer("c"),
        ],
    ),
    (
        Items::ElementsExcept {
            at: &["Metrics Updated/Accumulator Updates", "Task Info/Accumulables", "a/b"],
            key: "Name",
            prefix: "internal.metrics.",
        },
        &[
            Slot::Outer("Task ID"),
            Slot::Outer("a/b"),
            Slot::Item("ID"),
            Slot::Item("Name"),
            Slot::Item("Update"),
        ],
    ),
    (
        Items::ElementsOrEvent(&["Executor Metrics Updated", "a"]),
        &[
            Slot::Event("Executor ID|Task Info/Executor ID"),
            Slot::Item("Executor Metrics/JVMHeapMemory|Task Executor Metrics/JVMHeapMemory"),
            Slot::Item("b"),
        ],
    ),
    (
        Items::Entries(&["Spark Properties", "progress/durationMs", "a", "b/c"]),
        &[Slot::Section, Slot::Key, Slot::Item(""), Slot::Item("Amount"), Slot::Event("d")],
    ),
    (
        Items::PlanNodes,
        &[
            Slot::NodeId,
            Slot::ClusterId,
            Slot::Event("executionId"),
            Slot::Item("nodeName"),
            Slot::Item(""),
        ],
    ),
    (Items::PlanEdges, &[Slot::NodeId, Slot::ToNodeId]),
    (Items::PlanMetrics, &[Slot::NodeId, Slot::Item("accumulatorId"), Slot::Item("metricType")]),
];

static READY: LazyLock<Vec<Layout>> = LazyLock::new(|| {
    LAYOUTS.iter().map(|(items, slots)| Layout::new(*items, slots.iter().copied())).collect()
});

/// What a line gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    class: Option<String>,
    /// The event as JSON.
    whole: String,
    /// By layout.
    rows: Vec<Vec<String>>,
}

/// Decodes each line of `input`.
pub fn check(input: &[u8]) {
    let mut lines = Lines::new(input, LIMIT);
    let mut decoder = Decoder::default();
    let mut events = Vec::new();
    while let Some(line) = lines.next_line() {
        let Ok(mut line) = line else { continue };
        let text = line.bytes().to_vec();
        let json = Json::parse(&text);
        let seen = decoder.decode(&mut line, |event| {
            if let Ok(json @ Json::Object(_)) = &json {
                agree(event, json);
            }
            look(event)
        });
        if !text.contains(&b'\\') {
            assert!(line.bytes() == text, "nothing was to be unescaped");
        }
        if text.trim_ascii() != input.trim_ascii() {
            assert_eq!(seen, alone(&text), "the line is the same among others and alone");
        }
        agree_whether_it_is_one(&text, &json, &seen);
        if let Ok(seen) = seen {
            if let Some(class) = event_class(&text) {
                assert_eq!(seen.class.as_deref(), Some(class), "the routed class is the parsed");
            }
            events.push(seen);
        }
    }
    read_again(&events);
}

/// What is written of an event is what was read, however deep it is nested.
fn read_again(events: &[Seen]) {
    let written: Vec<_> = events.iter().map(|event| event.whole.as_str()).collect();
    let written = written.join("\n");
    let mut lines = Lines::new(written.as_bytes(), LIMIT);
    let mut decoder = Decoder::default();
    for event in events {
        let mut line = lines.next_line().expect("it was written").expect("a slice can be read");
        assert_eq!(see(&mut decoder, &mut line).as_ref(), Ok(event));
    }
}

/// Decodes a line.
pub fn see(decoder: &mut Decoder, line: &mut Line<'_>) -> Result<Seen, DecodeError> {
    decoder.decode(line, look)
}

fn look(event: Event<'_>) -> Seen {
    let mut slots = Slots::default();
    let mut whole = String::new();
    let rows = READY
        .iter()
        .map(|layout| each_row(event, layout, &mut slots, |row| format!("{row:?}")))
        .collect();
    each_row(event, &READY[0], &mut slots, |row| {
        if let [Value::Nested(event)] = row {
            whole = event.to_string();
        }
    });
    Seen { class: event.class().map(str::to_owned), whole, rows }
}

fn each_row<'a, T>(
    event: Event<'a>,
    layout: &Layout,
    slots: &mut Slots<'a>,
    mut read: impl FnMut(&[Value<'a>]) -> T,
) -> Vec<T> {
    let mut seen = Vec::new();
    let walked = event.rows(layout, slots, |row| {
        seen.push(read(row));
        Ok::<_, Infallible>(())
    });
    let Ok(()) = walked;
    seen
}

/// Decodes `line` where nothing else is.
fn alone(line: &[u8]) -> Result<Seen, DecodeError> {
    let mut lines = Lines::new(line, LIMIT);
    let mut line = lines.next_line().expect("it is not blank").expect("a slice can be read");
    see(&mut Decoder::default(), &mut line)
}

/// Both parsers take the line for an event, or neither does.
fn agree_whether_it_is_one(
    text: &[u8],
    json: &Result<Json, serde_json::Error>,
    seen: &Result<Seen, DecodeError>,
) {
    let agreed = match (json, seen) {
        (Ok(Json::Object(_)), Ok(_)) => true,
        (Ok(Json::Object(_)), Err(DecodeError::NotAnObject)) => false,
        (Ok(_), Err(DecodeError::NotAnObject)) => true,
        (Ok(_), Err(DecodeError::Json(_))) => has_long_number(text),
        (Ok(_), Ok(_)) => false,
        (Err(_), Err(DecodeError::Json(_))) => true,
        (Err(error), _) => error.to_string().starts_with("recursion limit exceeded"),
    };
    assert!(agreed, "{json:?} is {seen:?}");
}

/// Whether there may be an integer that 64 bits do not hold.
fn has_long_number(text: &[u8]) -> bool {
    text.chunk_by(|a, b| a.is_ascii_digit() && b.is_ascii_digit()).any(|run| run.len() >= 19)
}

fn agree<'a>(event: Event<'a>, json: &Json) {
    assert_eq!(event.class(), json.text_at("Event"));
    let mut slots = Slots::default();
    let mut plan = Vec::new();
    for ((items, wanted), layout) in LAYOUTS.iter().zip(READY.iter()) {
        let found = each_row(event, layout, &mut slots, |row| {
            row.iter().map(|value| Json::of(*value)).collect::<Vec<_>>()
        });
        match rows(*items, wanted, json) {
            Some(expected) => assert_eq!(found, expected, "{items:?}"),
            None => plan.push(found),
        }
    }
    let [nodes, edges, metrics] = &plan[..] else { unreachable!("a plan has three layouts") };
    holds_together(nodes, edges, metrics);
}

/// Nodes have the ids from 0 on, and nothing refers to any other.
fn holds_together(
    nodes: &[Vec<Option<Json>>],
    edges: &[Vec<Option<Json>>],
    metrics: &[Vec<Option<Json>>],
) {
    let id = |json: &Option<Json>| match json {
        Some(Json::Int(id)) => usize::try_from(*id).ok(),
        None => None,
        other => panic!("{other:?} is no id"),
    };
    for (at, node) in nodes.iter().enumerate() {
        assert_eq!(id(&node[0]), Some(at));
        assert!(id(&node[1]).is_none_or(|cluster| cluster < at), "a cluster is before its nodes");
    }
    for edge in edges {
        let ends = [id(&edge[0]), id(&edge[1])];
        assert!(ends.iter().all(|end| end.is_some_and(|id| id < nodes.len())), "{edge:?}");
    }
    for metric in metrics {
        assert!(id(&metric[0]).is_none_or(|id| id < nodes.len()), "{metric:?}");
    }
}
