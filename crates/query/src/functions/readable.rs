//! `bytes(n)` and `duration(ms)`: numbers as Spark's pages show them to people.

use std::sync::Arc;

use datafusion::arrow::array::{AsArray, StringArray};
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::logical_expr::ScalarUDF;

use super::signature::{About, scalar};

/// The functions.
pub(super) fn functions() -> [ScalarUDF; 2] {
    let bytes_of = About {
        name: "bytes",
        arguments: vec![("n", DataType::Float64, "a number of bytes")],
        returns: DataType::Utf8,
        description: "A number of bytes for people, in the unit of which there are two at least: B, \
                      KiB, MiB, GiB, TiB, PiB or EiB. Spark: `Utils.bytesToString`, as on the pages \
                      of stages and executors. A negative number is in bytes.",
        example: "SELECT bytes(2150000);  -- 2.1 MiB",
    };
    let duration_of = About {
        name: "duration",
        arguments: vec![("ms", DataType::Float64, "a number of milliseconds")],
        returns: DataType::Utf8,
        description: "Milliseconds for people: ms, s, min or h. Spark: `UIUtils.formatDuration`, as in \
                      the lists of jobs and stages. (The metrics of the SQL tab have one digit more \
                      and another spelling: `format_metric('timing', ms)`.) A negative number is in \
                      milliseconds.",
        example: "SELECT duration(754000);  -- 13 min",
    };
    [numbers(bytes_of, bytes), numbers(duration_of, duration)]
}

fn numbers(about: About, text: fn(i64) -> String) -> ScalarUDF {
    scalar(about, move |columns| {
        let values = columns[0].as_primitive::<Float64Type>();
        #[expect(
            clippy::cast_possible_truncation,
            reason = "what is beyond is the greatest there is"
        )]
        let whole = |value: f64| text(value.round() as i64);
        Arc::new(values.iter().map(|value| value.map(whole)).collect::<StringArray>())
    })
}

/// Spark: `Utils.bytesToString`.
pub(super) fn bytes(size: i64) -> String {
    const UNITS: [(&str, u32); 7] =
        [("EiB", 60), ("PiB", 50), ("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10), ("B", 0)];
    // A unit is used from two of it on; what is less, or negative, is in bytes.
    let (unit, bits) = UNITS.into_iter().find(|(_, bits)| size >> bits >= 2).unwrap_or(("B", 0));
    format!("{} {unit}", fixed(size as f64 / (1_u64 << bits) as f64, 1))
}

/// Spark: `UIUtils.formatDuration`.
fn duration(ms: i64) -> String {
    let seconds = ms as f64 / 1000.0;
    let minutes = seconds / 60.0;
    if ms < 100 {
        format!("{ms} ms")
    } else if seconds < 1.0 {
        format!("{} s", fixed(seconds, 1))
    } else if seconds < 60.0 {
        format!("{} s", fixed(seconds, 0))
    } else if minutes < 10.0 {
        format!("{} min", fixed(minutes, 1))
    } else if minutes < 60.0 {
        format!("{} min", fixed(minutes, 0))
    } else {
        format!("{} h", fixed(minutes / 60.0, 1))
    }
}

/// Java's `%.1f`: the shortest decimal that stands for the number, its half rounded up.
pub(super) fn fixed(value: f64, decimals: usize) -> String {
    let shortest = format!("{value}");
    let (whole, fraction) = shortest.split_once('.').unwrap_or((&shortest, ""));
    let kept: String = fraction.chars().chain("000".chars()).take(decimals).collect();
    let next_is_half = fraction.as_bytes().get(decimals).is_some_and(|digit| *digit >= b'5');
    let (sign, whole) = whole.strip_prefix('-').map_or(("", whole), |whole| ("-", whole));
    let digits: u128 = format!("{whole}{kept}").parse().unwrap_or(0);
    let digits = format!("{:0>width$}", digits + u128::from(next_is_half), width = decimals + 1);
    let (whole, kept) = digits.split_at(digits.len() - decimals);
    let point = if decimals == 0 { "" } else { "." };
    format!("{sign}{whole}{point}{kept}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bytes_are_shown_as_spark_does() {
        for (size, text) in [
            (i64::MIN, "-9223372036854776000.0 B"),
            (-1, "-1.0 B"),
            (0, "0.0 B"),
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
            (i64::MIN, "-9223372036854775808 ms"),
            (-5000, "-5000 ms"),
            (0, "0 ms"),
            (99, "99 ms"),
            (100, "0.1 s"),
            (949, "0.9 s"),
            (950, "1.0 s"),
            (999, "1.0 s"),
            (1_000, "1 s"),
            (1_500, "2 s"),
            (2_500, "3 s"),
            (59_499, "59 s"),
            (59_999, "60 s"),
            (60_000, "1.0 min"),
            (90_000, "1.5 min"),
            (599_999, "10.0 min"),
            (600_000, "10 min"),
            (3_599_999, "60 min"),
            (3_600_000, "1.0 h"),
            (5_000_000, "1.4 h"),
            (i64::MAX, "2562047788015.2 h"),
        ] {
            assert_eq!(duration(ms), text);
        }
    }

    proptest! {
        /// What is shown is off by half of its last digit at most.
        #[test]
        fn what_is_shown_is_near(ms in 100_i64..1 << 50, size in 0_i64..1 << 60) {
            let shown = |text: &str, units: &[(&str, f64)]| -> (f64, f64) {
                let (number, unit) = text.split_once(' ').expect("a unit");
                let (_, unit) = units.iter().find(|(name, _)| *name == unit).expect("a known unit");
                let digit = if number.contains('.') { 0.1 } else { 1.0 };
                (number.parse::<f64>().expect("a number") * unit, digit * unit / 2.0)
            };
            let (value, off) = shown(&duration(ms), &[("s", 1e3), ("min", 6e4), ("h", 36e5)]);
            prop_assert!((value - ms as f64).abs() <= off * 1.000_001, "{ms}: {}", duration(ms));
            let kib = 1024.0;
            let units = [("B", 1.0), ("KiB", kib), ("MiB", kib * kib), ("GiB", kib * kib * kib)];
            let tib = kib * kib * kib * kib;
            let units = [&units[..], &[("TiB", tib), ("PiB", tib * kib)]].concat();
            let (value, off) = shown(&bytes(size), &units);
            prop_assert!((value - size as f64).abs() <= off * 1.000_001, "{size}: {}", bytes(size));
        }
    }
}
