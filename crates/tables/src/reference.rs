//! The column reference, in Markdown.

use std::fmt::Write;

use arrow::datatypes::DataType;

use crate::column::{Column, Context, Fold, Source};
use crate::tables;
use stagelight_eventlog::Slot;

/// Every table of the lake with every column: type, meaning, and where in the event it stands.
pub fn reference() -> String {
    let mut text = String::from("# Tables of the lake\n");
    for table in tables::all() {
        let _ = write!(text, "\n## {}\n\n{}\n\n", table.name, table.doc);
        if !table.events.is_empty() {
            let _ = writeln!(text, "From: {}\n", table.events.join(", "));
        }
        let is_folded = table.columns().any(|c| matches!(c.source, Source::Folded(_)));
        let place_of = if is_folded { "of the tasks" } else { "in the event" };
        let _ = writeln!(text, "| column | type | meaning | {place_of} |");
        text.push_str("| --- | --- | --- | --- |\n");
        for column in table.columns() {
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} |",
                column.name,
                type_name(&column),
                column.doc,
                place(&column)
            );
        }
    }
    text
}

fn type_name(column: &Column) -> &'static str {
    match column.kind.data_type() {
        DataType::Int64 => "bigint",
        DataType::Float64 => "double",
        DataType::Boolean => "boolean",
        DataType::Timestamp(..) => "timestamp",
        DataType::List(_) => "array of bigint",
        _ => "string",
    }
}

fn place(column: &Column) -> String {
    match column.source {
        Source::Event(Slot::Event(path)) => format!("`{}`", path.replace('|', "` or `")),
        Source::Event(Slot::Item("")) => "the item".to_owned(),
        Source::Event(Slot::Item(path)) => format!("`{}` of the item", path.replace('|', "` or `")),
        Source::Event(Slot::Outer(path)) => format!("`{path}` of the element around the item"),
        Source::Event(Slot::NodeId | Slot::ClusterId | Slot::ToNodeId) => {
            "place in the plan".to_owned()
        }
        Source::Event(Slot::Section) => "key of the section".to_owned(),
        Source::Event(Slot::Key) => "key of the entry".to_owned(),
        Source::Context(Context::Raw) => "the whole line".to_owned(),
        Source::Folded(Fold::Key(of)) => format!("`{of}`"),
        Source::Folded(Fold::Count(_)) => "count".to_owned(),
        Source::Folded(Fold::Sum(_, of)) => format!("sum of `{of}`"),
        Source::Folded(Fold::SumOfHashes(_, of)) => format!("sum of the hashes of `{of}`"),
        Source::Folded(Fold::SumOfSpans(_, from, to)) => format!("sum from `{from}` to `{to}`"),
        Source::Folded(Fold::SumOfDelays(_)) => "sum of the scheduler delays".to_owned(),
        Source::Folded(Fold::Least(_, of)) => format!("least `{of}`"),
        Source::Folded(Fold::Greatest(_, of)) => format!("greatest `{of}`"),
        Source::Context(_) | Source::Given => String::new(),
    }
}
