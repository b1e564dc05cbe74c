//! Which event a line is, found without parsing it.

/// Spark writes the class of an event as the first field of its line.
const PREFIX: &[u8] = br#"{"Event":""#;

/// The class of the event on `line`, such as `SparkListenerTaskEnd` or
/// `org.apache.spark.sql.execution.ui.SparkListenerSQLExecutionStart`.
///
/// `None` where the line does not begin as Spark begins one: it may still be an event that
/// another writer has formatted, which only parsing can tell.
pub fn event_class(line: &[u8]) -> Option<&str> {
    let rest = line.strip_prefix(PREFIX)?;
    let end = memchr::memchr(b'"', rest)?;
    let class = &rest[..end];
    if class.contains(&b'\\') {
        return None;
    }
    std::str::from_utf8(class).ok()
}

/// The class without its package: how events are named in the lake.
pub fn event_name(class: &str) -> &str {
    class.rsplit('.').next().unwrap_or(class)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_is_read_from_the_first_bytes() {
        assert_eq!(
            event_class(br#"{"Event":"SparkListenerTaskEnd","Stage ID":0}"#),
            Some("SparkListenerTaskEnd")
        );
        assert_eq!(event_class(br#"{"Stage ID":0,"Event":"SparkListenerTaskEnd"}"#), None);
        assert_eq!(event_class(br#"{"Event":"SparkListenerTas"#), None);
        assert_eq!(event_class(br#"{"Event":"Spark\u004cistener"}"#), None);
    }

    #[test]
    fn a_package_is_dropped() {
        assert_eq!(
            event_name("org.apache.spark.sql.execution.ui.SparkListenerSQLExecutionEnd"),
            "SparkListenerSQLExecutionEnd"
        );
        assert_eq!(event_name("SparkListenerLogStart"), "SparkListenerLogStart");
    }
}
