use proptest::prelude::*;
use stagelight_query::{Bucket, Sample};

use super::*;

fn family(labels: &[&str], samples: &[(&[&str], f64)]) -> Family {
    let mut metric = Metric::embedded().expect("headers are whole").remove(0);
    metric.family = "x_seconds".to_owned();
    metric.unit = "seconds".to_owned();
    metric.help = "A \\ and\na line.".to_owned();
    metric.labels = labels.iter().map(|label| (*label).to_owned()).collect();
    let samples = samples.iter().map(|(labels, value)| Sample {
        labels: labels.iter().map(|label| (*label).to_owned()).collect(),
        value: *value,
        ..Sample::default()
    });
    Family { metric, samples: samples.collect(), dropped: 0 }
}

/// What a family looks like in a format, and whether some series came twice.
fn render(mut family: Family, format: Format) -> (String, bool) {
    let repeated = order(std::slice::from_mut(&mut family));
    let mut exposition = Exposition::new(format);
    exposition.families(&[family]);
    (exposition.finish(), !repeated.is_empty())
}

#[test]
fn series_stand_in_the_order_of_their_labels() {
    let family = family(&["app", "n"], &[(&["b", ""], 0.25), (&["a", "\"\\\n"], 1e21)]);
    let expected = r#"# HELP x_seconds A \\ and\na line.
# TYPE x_seconds gauge
x_seconds{app="a",n="\"\\\n"} 1000000000000000000000
x_seconds{app="b",n=""} 0.25
"#;
    assert_eq!(render(family, Format::Text), (expected.to_owned(), false));
}

#[test]
fn a_histogram_has_buckets_a_sum_and_a_count() {
    let bucket = |le, count| Bucket { le, count };
    let mut family = family(&["app"], &[(&["a"], 12.5)]);
    family.metric.family_type = FamilyType::Histogram;
    family.samples[0].buckets =
        vec![bucket(0.3, 1.0), bucket(1.0, 2.0), bucket(f64::INFINITY, 3.0)];
    let expected = r#"# HELP x_seconds A \\ and\na line.
# TYPE x_seconds histogram
x_seconds_bucket{app="a",le="0.3"} 1
x_seconds_bucket{app="a",le="1"} 2
x_seconds_bucket{app="a",le="+Inf"} 3
x_seconds_sum{app="a"} 12.5
x_seconds_count{app="a"} 3
"#;
    assert_eq!(render(family.clone(), Format::Text).0, expected);
    let (open_metrics, _) = render(family, Format::OpenMetrics);
    assert!(open_metrics.contains("x_seconds_bucket{app=\"a\",le=\"1.0\"} 2\n"), "{open_metrics}");
}

#[test]
fn a_hostile_name_is_one_label_of_one_line() {
    let long = "\u{1F525}\"\\\n".repeat(2_000);
    let names = ["a\"} 1\nx_seconds{app=\"b", "\\", "\r\n\t\0", "\u{202E}evil\u{2028}", &long];
    for name in names {
        for format in [Format::Text, Format::OpenMetrics] {
            let (text, _) = render(family(&["app"], &[(&[name], 1.0)]), format);
            let lines: Vec<_> = text.split('\n').filter(|line| line.starts_with("x_")).collect();
            assert_eq!(lines.len(), 1, "{name:?}");
            let escaped = lines[0].strip_prefix("x_seconds{app=\"").expect("a label");
            let escaped = escaped.strip_suffix("\"} 1").expect("a value");
            let mut read = String::new();
            let mut characters = escaped.chars();
            while let Some(character) = characters.next() {
                assert!(!"\"\n".contains(character), "{name:?}");
                read.push(match character {
                    '\\' => match characters.next() {
                        Some('n') => '\n',
                        Some(next @ ('\\' | '"')) => next,
                        other => panic!("\\{other:?} is no escape"),
                    },
                    other => other,
                });
            }
            assert_eq!(read, name);
        }
    }
}

#[test]
fn values_that_are_no_numbers_are_spelled_as_prometheus_does() {
    let values = [f64::INFINITY, f64::NEG_INFINITY, f64::NAN, -0.0, 5e-324];
    let spelled: Vec<_> = values.into_iter().map(|value| Value(value).to_string()).collect();
    assert_eq!(spelled[..4], ["+Inf", "-Inf", "NaN", "-0"]);
    assert_eq!(spelled[4].parse(), Ok(5e-324));
}

#[test]
fn a_series_without_labels_has_no_braces() {
    let mut exposition = Exposition::default();
    exposition.sample("x", [], 1.0);
    assert_eq!(exposition.finish(), "x 1\n");
}

#[test]
fn openmetrics_has_units_an_end_and_counters_without_their_suffix() {
    let expected = r#"# HELP x_seconds A \\ and\na line.
# TYPE x_seconds unknown
# UNIT x_seconds seconds
x_seconds{app="a"} 1
# EOF
"#;
    let mut one = family(&["app"], &[(&["a"], 1.0)]);
    one.metric.family_type = FamilyType::Unknown;
    assert_eq!(render(one.clone(), Format::OpenMetrics).0, expected);
    assert!(render(one.clone(), Format::Text).0.contains("# TYPE x_seconds untyped\n"));
    one.metric.family = "x_seconds_total".to_owned();
    one.metric.family_type = FamilyType::Counter;
    one.metric.help = "Of \"x\".".to_owned();
    let expected = r#"# HELP x_seconds Of \"x\".
# TYPE x_seconds counter
# UNIT x_seconds seconds
x_seconds_total{app="a"} 1
# EOF
"#;
    assert_eq!(render(one, Format::OpenMetrics).0, expected);
}

#[test]
fn of_a_repeated_series_the_greatest_value_is_kept() {
    let samples: [(&[&str], f64); 3] = [(&["a"], 1.0), (&["b"], 5.0), (&["a"], 2.0)];
    let mut backwards = samples;
    backwards.reverse();
    let (text, is_repeated) = render(family(&["app"], &samples), Format::Text);
    assert!(text.ends_with("x_seconds{app=\"a\"} 2\nx_seconds{app=\"b\"} 5\n"));
    assert!(is_repeated);
    assert_eq!(render(family(&["app"], &backwards), Format::Text), (text, true));
}

/// Reads a sample as Prometheus does: its labels and its value.
fn parse(line: &str) -> Option<(Vec<(String, String)>, f64)> {
    let mut rest = line.strip_prefix("x_seconds")?.strip_prefix('{')?;
    let mut labels = Vec::new();
    loop {
        let (name, value) = rest.split_once("=\"")?;
        let mut unescaped = String::new();
        let mut characters = value.chars();
        loop {
            match characters.next()? {
                '"' => break,
                '\\' => match characters.next()? {
                    'n' => unescaped.push('\n'),
                    special @ ('"' | '\\') => unescaped.push(special),
                    _ => return None,
                },
                plain => unescaped.push(plain),
            }
        }
        labels.push((name.to_owned(), unescaped));
        rest = characters.as_str();
        match rest.split_at_checked(1)? {
            (",", more) => rest = more,
            ("}", value) => return Some((labels, value.strip_prefix(' ')?.parse().ok()?)),
            _ => return None,
        }
    }
}

proptest! {
    #[test]
    fn whatever_stands_in_a_label_is_read_back(
        first in any::<String>(),
        second in r#"[\\"\n\r\t a{}=,]*"#,
        value in any::<f64>(),
    ) {
        let sample: (&[&str], f64) = (&[&first, &second], value);
        let (text, _) = render(family(&["a", "b"], &[sample]), Format::Text);
        let lines: Vec<_> = text.split_terminator('\n').collect();
        prop_assert_eq!(lines.len(), 3);
        let (labels, read) = parse(lines[2]).expect("the line is a sample");
        prop_assert_eq!(labels, [("a".to_owned(), first), ("b".to_owned(), second)]);
        prop_assert!(read == value || (read.is_nan() && value.is_nan()));
    }
}
