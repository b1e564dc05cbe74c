//! Types as pages of reference name them.

use datafusion::arrow::datatypes::{DataType, TimeUnit};

/// The name that SQL has for a type; that of Arrow where it has none.
pub(crate) fn sql_type(data_type: &DataType) -> String {
    match data_type {
        DataType::Boolean => "BOOLEAN".to_owned(),
        DataType::Int8 => "TINYINT".to_owned(),
        DataType::Int16 => "SMALLINT".to_owned(),
        DataType::Int32 => "INTEGER".to_owned(),
        DataType::Int64 => "BIGINT".to_owned(),
        DataType::UInt64 => "BIGINT UNSIGNED".to_owned(),
        DataType::Float32 => "REAL".to_owned(),
        DataType::Float64 => "DOUBLE".to_owned(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "VARCHAR".to_owned(),
        DataType::Date32 => "DATE".to_owned(),
        DataType::Timestamp(unit, zone) => {
            let digits = match unit {
                TimeUnit::Second => 0,
                TimeUnit::Millisecond => 3,
                TimeUnit::Microsecond => 6,
                TimeUnit::Nanosecond => 9,
            };
            let zone = if zone.is_some() { " WITH TIME ZONE" } else { "" };
            format!("TIMESTAMP({digits}){zone}")
        }
        DataType::List(element) | DataType::LargeList(element) => {
            format!("{}[]", sql_type(element.data_type()))
        }
        DataType::Struct(fields) => {
            let fields: Vec<_> = fields
                .iter()
                .map(|field| format!("{} {}", field.name(), sql_type(field.data_type())))
                .collect();
            format!("STRUCT({})", fields.join(", "))
        }
        DataType::Dictionary(_, value) => sql_type(value),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::datatypes::Field;

    use super::*;

    #[test]
    fn types_are_named_as_sql_names_them() {
        let item = |data_type| Arc::new(Field::new_list_field(data_type, true));
        let fields =
            vec![Field::new("a", DataType::Int64, true), Field::new("b", DataType::Utf8, true)];
        for (data_type, name) in [
            (DataType::Int64, "BIGINT"),
            (DataType::Utf8View, "VARCHAR"),
            (
                DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
                "TIMESTAMP(3) WITH TIME ZONE",
            ),
            (DataType::Timestamp(TimeUnit::Microsecond, None), "TIMESTAMP(6)"),
            (DataType::List(item(DataType::Float64)), "DOUBLE[]"),
            (
                DataType::List(item(DataType::Struct(fields.into()))),
                "STRUCT(a BIGINT, b VARCHAR)[]",
            ),
            (DataType::Null, "Null"),
        ] {
            assert_eq!(sql_type(&data_type), name);
        }
    }
}
