//! Names that Prometheus takes.

use std::collections::HashSet;

use stagelight_query::{FamilyType, Metric};
use thiserror::Error;

/// A metric that Prometheus would not take.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum NameError {
    /// The family's name has characters that names may not have.
    #[error("`{0}` is no name of a family")]
    Family(String),
    /// Two metrics have the same family.
    #[error("there are two families `{0}`")]
    TwiceFamily(String),
    /// A label's name has characters that names may not have, or is reserved.
    #[error("family {family}: `{label}` is no name of a label")]
    Label {
        /// The family.
        family: String,
        /// The label.
        label: String,
    },
    /// A counter without the suffix that OpenMetrics wants.
    #[error("family {0}: the name of a counter ends in `_total`")]
    Counter(String),
    /// The series of a family have the name of another family, or of its series.
    #[error("family {family}: its series `{series}` is another family's")]
    Series {
        /// The family.
        family: String,
        /// The name of the series.
        series: String,
    },
    /// A family has the same label twice.
    #[error("family {family}: there are two labels `{label}`")]
    TwiceLabel {
        /// The family.
        family: String,
        /// The label.
        label: String,
    },
}

/// Checks what an exposition has as it is, without escapes: names of families and labels.
pub(crate) fn validate(metrics: &[Metric]) -> Result<(), NameError> {
    let mut families = HashSet::new();
    for metric in metrics {
        let family = &metric.family;
        if !is_family_name(family) {
            return Err(NameError::Family(family.clone()));
        }
        if !families.insert(family) {
            return Err(NameError::TwiceFamily(family.clone()));
        }
        let is_histogram = metric.family_type == FamilyType::Histogram;
        if metric.family_type == FamilyType::Counter && !family.ends_with("_total") {
            return Err(NameError::Counter(family.clone()));
        }
        let mut labels = HashSet::new();
        for label in &metric.labels {
            // The bound of a bucket is a label of its own.
            if !is_label_name(label) || is_histogram && label == "le" {
                return Err(NameError::Label { family: family.clone(), label: label.clone() });
            }
            if !labels.insert(label) {
                return Err(NameError::TwiceLabel { family: family.clone(), label: label.clone() });
            }
        }
    }
    let histograms = metrics.iter().filter(|m| m.family_type == FamilyType::Histogram);
    for Metric { family, .. } in histograms {
        for series in ["bucket", "sum", "count"].map(|suffix| format!("{family}_{suffix}")) {
            if families.contains(&series) {
                return Err(NameError::Series { family: family.clone(), series });
            }
        }
    }
    Ok(())
}

fn is_family_name(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
}

fn is_label_name(name: &str) -> bool {
    is_family_name(name) && !name.contains(':') && !name.starts_with("__")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(family: &str, labels: &[&str]) -> Metric {
        let mut metric = Metric::embedded().expect("headers are whole").remove(0);
        metric.family = family.to_owned();
        metric.labels = labels.iter().map(|label| (*label).to_owned()).collect();
        metric
    }

    #[test]
    fn embedded_metrics_have_valid_names() {
        let metrics = Metric::embedded().expect("headers are whole");
        validate(&metrics).expect("names are valid");
    }

    #[test]
    fn names_that_prometheus_refuses_are_told_apart() {
        let refused =
            |metrics: &[Metric]| validate(metrics).expect_err("a name is wrong").to_string();
        for name in ["", "1st", "with-dash", "with space", "größe"] {
            assert_eq!(refused(&[metric(name, &[])]), format!("`{name}` is no name of a family"));
        }
        for name in ["", "0", "a:b", "__reserved", "a b"] {
            let expected = format!("family x: `{name}` is no name of a label");
            assert_eq!(refused(&[metric("x", &[name])]), expected);
        }
        assert_eq!(refused(&[metric("x", &["a", "b", "a"])]), "family x: there are two labels `a`");
        assert_eq!(refused(&[metric("x", &[]), metric("x", &[])]), "there are two families `x`");
        let of_type = |family_type, mut metric: Metric| {
            metric.family_type = family_type;
            metric
        };
        let counter = of_type(FamilyType::Counter, metric("x", &[]));
        assert_eq!(refused(&[counter]), "family x: the name of a counter ends in `_total`");
        let histogram = |labels| of_type(FamilyType::Histogram, metric("x", labels));
        assert_eq!(refused(&[histogram(&["le"])]), "family x: `le` is no name of a label");
        let expected = "family x: its series `x_count` is another family's";
        assert_eq!(refused(&[histogram(&[]), metric("x_count", &[])]), expected);
        validate(&[histogram(&["app"]), metric("x_seconds", &[])]).expect("names are valid");
    }
}
