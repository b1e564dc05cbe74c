//! `format_bytes(n)`, `format_duration(ms)` and `format_metric(type, value)`: numbers as Spark's
//! pages show them.

use std::sync::Arc;

use datafusion::arrow::array::{AsArray, StringArray};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};

/// The functions.
pub(super) fn functions() -> [ScalarUDF; 3] {
    [
        create_udf(
            "format_bytes",
            vec![DataType::Int64],
            DataType::Utf8,
            Volatility::Immutable,
            Arc::new(|arguments| numbers(arguments, bytes)),
        ),
        create_udf(
            "format_duration",
            vec![DataType::Int64],
            DataType::Utf8,
            Volatility::Immutable,
            Arc::new(|arguments| numbers(arguments, duration)),
        ),
        create_udf(
            "format_metric",
            vec![DataType::Utf8, DataType::Int64],
            DataType::Utf8,
            Volatility::Immutable,
            Arc::new(metrics),
        ),
    ]
}

fn numbers(arguments: &[ColumnarValue], text: fn(i64) -> String) -> Result<ColumnarValue> {
    let arrays = ColumnarValue::values_to_arrays(arguments)?;
    let values = arrays[0].as_primitive::<Int64Type>();
    let texts: StringArray = values.iter().map(|value| value.map(text)).collect();
    Ok(ColumnarValue::Array(Arc::new(texts)))
}

fn metrics(arguments: &[ColumnarValue]) -> Result<ColumnarValue> {
    let arrays = ColumnarValue::values_to_arrays(arguments)?;
    let types = arrays[0].as_string::<i32>();
    let values = arrays[1].as_primitive::<Int64Type>();
    let texts: StringArray =
        types.iter().zip(values).map(|(kind, value)| Some(metric(kind?, value?))).collect();
    Ok(ColumnarValue::Array(Arc::new(texts)))
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

/// Spark: `Utils.bytesToString`.
fn bytes(size: i64) -> String {
    const UNITS: [(&str, u32); 7] =
        [("EiB", 60), ("PiB", 50), ("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10), ("B", 0)];
    // A unit is used from two of it on; what is less, or negative, is in bytes.
    let (unit, bits) = UNITS.into_iter().find(|(_, bits)| size >> bits >= 2).unwrap_or(("B", 0));
    format!("{} {unit}", fixed(size as f64 / (1_u64 << bits) as f64, 1))
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

/// Java's `%.1f`: the shortest decimal that stands for the number, its half rounded up.
fn fixed(value: f64, decimals: usize) -> String {
    let shortest = format!("{value}");
    let (whole, fraction) = shortest.split_once('.').unwrap_or((&shortest, ""));
    let kept: String = fraction.chars().chain("000".chars()).take(decimals).collect();
    let next_is_half = fraction.as_bytes().get(decimals).is_some_and(|digit| *digit >= b'5');
    let (sign, whole) = whole.strip_prefix('-').map_or(("", whole), |whole| ("-", whole));
    let digits: u128 = format!("{whole}{kept}").parse().unwrap_or(0);
    let digits = format!("{:0>width$}", digits + u128::from(next_is_half), width = decimals + 1);
    let (whole, kept) = digits.split_at(digits.len() - decimals);
    format!("{sign}{whole}.{kept}")
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
    fn bytes_are_shown_as_spark_does() {
        for (size, text) in [
            (0, "0.0 B"),
            (-1, "-1.0 B"),
            (2047, "2047.0 B"),
            (2048, "2.0 KiB"),
            (2_150_000, "2.1 MiB"),
            (1_099_746_508, "1048.8 MiB"),
            (i64::MAX, "8.0 EiB"),
        ] {
            assert_eq!(bytes(size), text);
        }
    }

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
