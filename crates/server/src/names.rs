//! Names that Prometheus takes.

use std::collections::HashSet;

use stagelight_query::Metric;
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
        let mut labels = HashSet::new();
        for label in &metric.labels {
            if !is_label_name(label) {
                return Err(NameError::Label { family: family.clone(), label: label.clone() });
            }
            if !labels.insert(label) {
                return Err(NameError::TwiceLabel { family: family.clone(), label: label.clone() });
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
    }
}
