//! Prometheus' text format, version 0.0.4.

use std::fmt::{self, Write};

use stagelight_query::{Family, Metric};

/// The media type of the format.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Families as text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Rendered {
    /// The text.
    pub(crate) text: String,
    /// How many series it has.
    pub(crate) series: usize,
    /// Families in which some series came more than once. Prometheus refuses a scrape with such
    /// series, so the greatest value stands for all, whichever order they came in.
    pub(crate) repeated: Vec<String>,
}

/// Renders `families`, each one's series ordered by labels.
pub(crate) fn render(mut families: Vec<Family>) -> Rendered {
    let mut rendered = Rendered::default();
    for family in &mut families {
        let samples = &mut family.samples;
        samples.sort_by(|a, b| a.labels.cmp(&b.labels).then(b.value.total_cmp(&a.value)));
        let all = samples.len();
        samples.dedup_by(|later, first| later.labels == first.labels);
        if samples.len() < all {
            rendered.repeated.push(family.metric.family.clone());
        }
        rendered.series += samples.len();

        let Metric { family: name, family_type, help, labels, .. } = &family.metric;
        write_header(&mut rendered.text, name, family_type.as_str(), help);
        for sample in samples {
            let labels = labels.iter().map(String::as_str);
            let values = sample.labels.iter().map(String::as_str);
            write_sample(&mut rendered.text, name, labels.zip(values), sample.value);
        }
    }
    rendered
}

/// Writes what comes before the samples of a family.
pub(crate) fn write_header(text: &mut String, family: &str, family_type: &str, help: &str) {
    text.push_str("# HELP ");
    text.push_str(family);
    text.push(' ');
    escape(text, help, &['\\', '\n']);
    text.push_str("\n# TYPE ");
    text.push_str(family);
    text.push(' ');
    text.push_str(family_type);
    text.push('\n');
}

/// Writes a sample.
pub(crate) fn write_sample<'a>(
    text: &mut String,
    family: &str,
    labels: impl IntoIterator<Item = (&'a str, &'a str)>,
    value: f64,
) {
    text.push_str(family);
    let mut before = '{';
    for (label, value) in labels {
        text.push(before);
        text.push_str(label);
        text.push_str("=\"");
        escape(text, value, &['\\', '\n', '"']);
        text.push('"');
        before = ',';
    }
    if before == ',' {
        text.push('}');
    }
    // Writing to a string cannot fail.
    let _ = writeln!(text, " {}", Value(value));
}

fn escape(text: &mut String, raw: &str, special: &[char]) {
    let mut rest = raw;
    while let Some(at) = rest.find(special) {
        let (plain, from) = rest.split_at(at);
        text.push_str(plain);
        text.push('\\');
        match from.as_bytes()[0] {
            b'\n' => text.push('n'),
            character => text.push(char::from(character)),
        }
        rest = &from[1..];
    }
    text.push_str(rest);
}

/// A value as Go's `ParseFloat` reads it and Prometheus' own clients spell it.
struct Value(f64);

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            f64::INFINITY => f.write_str("+Inf"),
            f64::NEG_INFINITY => f.write_str("-Inf"),
            value if value.is_nan() => f.write_str("NaN"),
            value => write!(f, "{value}"),
        }
    }
}

#[cfg(test)]
mod tests;
