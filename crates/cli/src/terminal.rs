//! What people see: colours where a terminal is, tables, and figures that can be read.

use std::io::{self, IsTerminal, Write};

use comfy_table::{
    Attribute, Cell, CellAlignment, Color, ContentArrangement, LineStyle, Table, TableStyle,
};

/// Whether stdout is a terminal that may show colours (<https://no-color.org>).
pub(crate) fn is_colourful() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// Tells of a failure on stderr.
pub(crate) fn error(message: &str) {
    note("error", "31", message);
}

/// Says something on stderr that is no answer.
pub(crate) fn hint(message: &str) {
    // Nobody is left to be told when stderr is closed.
    let _ = writeln!(io::stderr(), "{message}");
}

/// Warns on stderr.
pub(crate) fn warn(message: &str) {
    note("warning", "33", message);
}

fn note(word: &str, colour: &str, message: &str) {
    let mut stderr = io::stderr();
    let _ = if stderr.is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        writeln!(stderr, "\x1b[1;{colour}m{word}:\x1b[0m {message}")
    } else {
        writeln!(stderr, "{word}: {message}")
    };
}

/// A heading, bold on a terminal.
pub(crate) fn heading(out: &mut impl Write, text: &str) -> io::Result<()> {
    if is_colourful() { writeln!(out, "\n\x1b[1m{text}\x1b[0m") } else { writeln!(out, "\n{text}") }
}

/// A line below the header and no others: rows are read across.
const STYLE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// A table with a header; columns of figures are aligned to the right.
pub(crate) fn table(header: &[String], figures: &[bool]) -> Table {
    let mut table = Table::new();
    table.load_style(STYLE);
    if io::stdout().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    table.set_header(header.iter().map(|name| {
        let cell = Cell::new(name);
        if is_colourful() { cell.add_attribute(Attribute::Bold) } else { cell }
    }));
    for (column, figure) in table.column_iter_mut().zip(figures) {
        column.set_padding((0, 2));
        if *figure {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// A cell, in a colour that says how bad it is.
pub(crate) fn cell(text: &str) -> Cell {
    let cell = Cell::new(text);
    if !is_colourful() {
        return cell;
    }
    match text {
        "failed" | "FAILED" => cell.fg(Color::Red),
        "running" | "ACTIVE" | "RUNNING" | "PENDING" => cell.fg(Color::Yellow),
        "succeeded" | "SUCCEEDED" | "COMPLETE" | "COMPLETED" | "SUCCESS" => cell.fg(Color::Green),
        "SKIPPED" => cell.fg(Color::DarkGrey),
        _ => cell,
    }
}

/// A verdict in as many characters as the longest has, in a colour that says how bad it is.
pub(crate) fn verdict(word: &str) -> String {
    let colour = match word {
        _ if !is_colourful() => return format!("{word:<7}"),
        "wrong" => "31",
        "better" => "33",
        "good" => "32",
        _ => "90",
    };
    format!("\x1b[{colour}m{word:<7}\x1b[0m")
}

/// As much of a value as a table can show: its first characters, and nothing that a terminal
/// would obey.
pub(crate) fn shown(value: &str) -> String {
    const LONGEST: usize = 100;
    let mut text: String = on_one_line(value).chars().take(LONGEST + 1).collect();
    if let Some((at, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(at);
        text.push('…');
    }
    text
}

/// A text without what a terminal would obey.
pub(crate) fn on_one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Bytes in binary units, as Spark shows them.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// A number with commas between its thousands.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_can_be_read() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes((1 << 20) - 1), "1.0 MiB");
        assert_eq!(bytes(5 << 30), "5.0 GiB");
    }

    #[test]
    fn a_table_shows_nothing_that_a_terminal_obeys() {
        assert_eq!(shown("a\u{1b}[31mb\nc"), "a [31mb c");
        assert_eq!(shown(&"x".repeat(100)).chars().count(), 100);
        assert_eq!(shown(&"é".repeat(200)).chars().count(), 101);
    }
}
