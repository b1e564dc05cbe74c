//! `byte_string(text, unit)`: sizes as Spark's settings have them.

use std::sync::Arc;

use datafusion::arrow::array::{AsArray, Int64Array};
use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::ScalarUDF;

use super::signature::{About, scalar};

/// The function.
pub(super) fn function() -> ScalarUDF {
    let about = About {
        name: "byte_string",
        arguments: vec![
            ("text", DataType::Utf8, "a size such as `512m`, `2g` or `1024`"),
            ("unit", DataType::Utf8, "the unit of a number alone: `m` for settings of memory"),
        ],
        returns: DataType::Int64,
        description: "Bytes of a size as Spark's settings have it, in powers of 1024: b, k, m, g, t or \
                      p, or with a b behind it. NULL where Spark would refuse it. Spark: \
                      `JavaUtils.byteStringAs`.",
        example: "SELECT byte_string('1g', 'm');  -- 1073741824",
    };
    scalar(about, |columns| {
        let [texts, units] = [0, 1].map(|column| columns[column].as_string::<i32>());
        let sizes = texts.iter().zip(units).map(|(text, unit)| byte_string(text?, unit?));
        Arc::new(sizes.collect::<Int64Array>())
    })
}

/// Spark: `JavaUtils.byteStringAs`.
fn byte_string(text: &str, unit_of_numbers: &str) -> Option<i64> {
    let text = text.trim().to_lowercase();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let bits = match if unit.is_empty() { unit_of_numbers } else { unit } {
        "b" => 0,
        "k" | "kb" => 10,
        "m" | "mb" => 20,
        "g" | "gb" => 30,
        "t" | "tb" => 40,
        "p" | "pb" => 50,
        _ => return None,
    };
    number.parse::<i64>().ok()?.checked_mul(1 << bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_spark_reads_them() {
        for (text, size) in [
            ("512", Some(512 << 20)),
            ("512m", Some(512 << 20)),
            (" 2GB ", Some(2 << 30)),
            ("0", Some(0)),
            ("7b", Some(7)),
            ("3k", Some(3 << 10)),
            ("1t", Some(1 << 40)),
            ("1pb", Some(1 << 50)),
            // It wants a whole number, a unit that it knows, and nothing between.
            ("0.5g", None),
            ("-1g", None),
            ("2 g", None),
            ("2x", None),
            ("2bb", None),
            ("g", None),
            ("", None),
            ("9000p", None),
        ] {
            assert_eq!(byte_string(text, "m"), size, "{text}");
        }
        assert_eq!(byte_string("512", "b"), Some(512));
    }
}
