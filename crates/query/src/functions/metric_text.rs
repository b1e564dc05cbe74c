//! `format_metric(type, value)`: metrics as Spark's SQL tab prints them.

use std::sync::Arc;

use datafusion::arrow::array::{AsArray, StringArray};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::logical_expr::ScalarUDF;

use super::readable::{bytes, fixed};
use super::signature::{About, scalar};

/// The function.
pub(super) fn function() -> ScalarUDF {
    let about = About {
        name: "format_metric",
        arguments: vec![
            ("type", DataType::Utf8, "`sum`, `average`, `size`, `timing` or `nsTiming`"),
            ("value", DataType::Int64, "the metric as Spark keeps it: an average times ten"),
        ],
        returns: DataType::Utf8,
        description: "A metric of a SQL plan as the SQL tab prints it. Spark: \
                      `MetricUtils.stringValue`, for one value; `N/A` of other types, which are \
                      printed by classes of data sources.",
        example: "SELECT format_metric('timing', 90000);  -- 1.5 m",
    };
    scalar(about, |columns| {
        let types = columns[0].as_string::<i32>();
        let values = columns[1].as_primitive::<Int64Type>();
        let texts = types.iter().zip(values).map(|(kind, value)| Some(metric(kind?, value?)));
        Arc::new(texts.collect::<StringArray>())
    })
}

/// Spark: `MetricUtils.stringValue`, for one value.
fn metric(metric_type: &str, value: i64) -> String {
    match metric_type {
        "sum" => grouped(&value.to_string()),
        // The average of a task is kept times ten.
        "average" => grouped(&shortest(value as f64 / 10.0)),
        "size" => bytes(value),
        "timing" => duration(value),
        "nsTiming" => duration(value / 1_000_000),
        // The class of a data source, which the History Server does not have either.
        _ => "N/A".to_owned(),
    }
}

/// Spark: `Utils.msDurationToString`, which divides as `Float`.
fn duration(ms: i64) -> String {
    let in_units = |unit: f32| f64::from(ms as f32 / unit);
    match ms {
        3_600_000.. => format!("{} h", fixed(in_units(3_600_000.0), 2)),
        60_000..3_600_000 => format!("{} m", fixed(in_units(60_000.0), 1)),
        1_000..60_000 => format!("{} s", fixed(in_units(1_000.0), 1)),
        ..1_000 => format!("{ms} ms"),
    }
}

/// A number without a fraction that is zero.
fn shortest(value: f64) -> String {
    format!("{value}")
}

/// Commas between thousands.
fn grouped(number: &str) -> String {
    let (sign, number) = number.strip_prefix('-').map_or(("", number), |rest| ("-", rest));
    let (whole, fraction) = number.split_once('.').map_or((number, ""), |(w, f)| (w, f));
    let mut text = sign.to_owned();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if !fraction.is_empty() {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_shown_as_spark_does() {
        for (ms, text) in [
            (-5, "-5 ms"),
            (999, "999 ms"),
            (1_000, "1.0 s"),
            // 1.15 is a little less as a Float, 1.25 is exact.
            (1_150, "1.1 s"),
            (1_250, "1.3 s"),
            (59_999, "60.0 s"),
            (90_000, "1.5 m"),
            (3_600_000, "1.00 h"),
            (5_000_000, "1.39 h"),
        ] {
            assert_eq!(duration(ms), text);
        }
    }

    #[test]
    fn metrics_are_shown_by_their_type() {
        assert_eq!(metric("sum", 1_234_567), "1,234,567");
        assert_eq!(metric("sum", -999), "-999");
        assert_eq!(metric("average", 12_345), "1,234.5");
        assert_eq!(metric("average", 10), "1");
        assert_eq!(metric("nsTiming", 1_999_999), "1 ms");
        assert_eq!(metric("v2Custom_com.example.Metric", 1), "N/A");
    }
}
