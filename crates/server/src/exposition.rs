//! Prometheus' text format, version 0.0.4, and OpenMetrics 1.0.

use std::fmt::{self, Write};

use stagelight_query::{Family, FamilyType, Metric, Sample};

/// How families are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Format {
    /// Prometheus' text format.
    #[default]
    Text,
    /// <https://prometheus.io/docs/specs/om/open_metrics_spec/>.
    OpenMetrics,
}

impl Format {
    /// The media type of the format.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Families as text.
#[derive(Debug, Default)]
pub struct Exposition {
    text: String,
    format: Format,
}

impl Exposition {
    pub(crate) fn new(format: Format) -> Self {
        Self { text: String::new(), format }
    }

    /// Begins a family of type `kind`: `counter`, `gauge` or `histogram`.
    pub fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.begin(name, kind, help, None);
    }

    /// Adds a sample to the family that was begun last.
    pub fn sample<'a>(
        &mut self,
        name: &str,
        labels: impl IntoIterator<Item = (&'a str, &'a str)>,
        value: f64,
    ) {
        let text = &mut self.text;
        text.push_str(name);
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

    /// Adds families whose series are in order.
    pub(crate) fn families(&mut self, families: &[Family]) {
        for Family { metric, samples, .. } in families {
            let Metric { family: name, help, labels, unit, .. } = metric;
            self.begin(name, self.word(metric.family_type), help, Some(unit));
            for sample in samples {
                let values = sample.labels.iter().map(String::as_str);
                let labels: Vec<_> = labels.iter().map(String::as_str).zip(values).collect();
                if metric.family_type == FamilyType::Histogram {
                    self.histogram(name, &labels, sample);
                } else {
                    self.sample(name, labels, sample.value);
                }
            }
        }
    }

    fn histogram(&mut self, name: &str, labels: &[(&str, &str)], sample: &Sample) {
        let labels = || labels.iter().copied();
        for bucket in &sample.buckets {
            let le = match self.format {
                // There a bound is a float by its looks.
                Format::OpenMetrics if bucket.le.fract() == 0.0 => format!("{:.1}", bucket.le),
                _ => Value(bucket.le).to_string(),
            };
            let labels = labels().chain([("le", le.as_str())]);
            self.sample(&format!("{name}_bucket"), labels, bucket.count);
        }
        self.sample(&format!("{name}_sum"), labels(), sample.value);
        let all = sample.buckets.last().map_or(0.0, |bucket| bucket.count);
        self.sample(&format!("{name}_count"), labels(), all);
    }

    /// What was written, as a whole.
    pub(crate) fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }

    /// Appends what was written elsewhere in the same format.
    pub(crate) fn append(&mut self, other: &Self) {
        self.text.push_str(&other.text);
    }

    fn begin(&mut self, name: &str, kind: &str, help: &str, unit: Option<&str>) {
        let (family, special): (_, &[char]) = match self.format {
            Format::Text => (name, &['\\', '\n']),
            // There the suffix is the sample's.
            Format::OpenMetrics if kind == "counter" => {
                (name.trim_end_matches("_total"), &['\\', '\n', '"'])
            }
            Format::OpenMetrics => (name, &['\\', '\n', '"']),
        };
        self.comment("HELP", family);
        escape(&mut self.text, help, special);
        self.text.push('\n');
        self.comment("TYPE", family);
        self.text.push_str(kind);
        self.text.push('\n');
        let unit = unit.filter(|unit| family.ends_with(&format!("_{unit}")));
        if let (Format::OpenMetrics, Some(unit)) = (self.format, unit) {
            self.comment("UNIT", family);
            self.text.push_str(unit);
            self.text.push('\n');
        }
    }

    fn comment(&mut self, word: &str, family: &str) {
        // Writing to a string cannot fail.
        let _ = write!(self.text, "# {word} {family} ");
    }

    fn word(&self, family_type: FamilyType) -> &'static str {
        match (family_type, self.format) {
            (FamilyType::Gauge, _) => "gauge",
            (FamilyType::Counter, _) => "counter",
            (FamilyType::Histogram, _) => "histogram",
            (FamilyType::Unknown, Format::Text) => "untyped",
            (FamilyType::Unknown, Format::OpenMetrics) => "unknown",
        }
    }
}

/// Puts the series of each family into the order of their labels, and tells in which families some
/// came more than once: Prometheus refuses a scrape with such series, so the greatest value stands
/// for all, whichever order they came in.
pub(crate) fn order(families: &mut [Family]) -> Vec<String> {
    let mut repeated = Vec::new();
    for Family { metric, samples, .. } in families {
        samples.sort_by(|a, b| a.labels.cmp(&b.labels).then(b.value.total_cmp(&a.value)));
        let all = samples.len();
        samples.dedup_by(|later, first| later.labels == first.labels);
        if samples.len() < all {
            repeated.push(metric.family.clone());
        }
    }
    repeated
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
