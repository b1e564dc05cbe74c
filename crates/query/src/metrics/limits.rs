//! Not more series than Prometheus is to have.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::counters::Counters;
use super::declaration::{Metric, Rest};
use super::{Family, Sample};

/// What the labels of the series have that stands for the rest.
const OTHER: &str = "other";

/// What keeps families within their limits, and counters from going down by that.
#[derive(Debug, Default)]
pub struct Limits {
    counters: HashMap<String, Counters>,
}

impl Limits {
    /// Leaves each family as many series as its budget allows, and all together at most `most`: where
    /// these are too few, the largest families give up as many as it takes.
    pub fn apply(&mut self, families: &mut [Family], most: usize) {
        let wanted = families.iter().map(|family| family.series().min(family.metric.budget));
        let each = fair_share(wanted.collect(), most);
        for family in families {
            let series = family.metric.budget.min(each);
            let most = series / family.samples.first().map_or(1, Sample::series);
            if family.metric.family_type.is_cumulative() {
                let name = family.metric.family.clone();
                self.counters.entry(name).or_default().limit(family, most);
            } else {
                family.limit(most);
            }
        }
    }
}

/// The greatest number that each may have at most so that all have no more than `most`.
fn fair_share(mut wanted: Vec<usize>, most: usize) -> usize {
    wanted.sort_unstable();
    let mut left = most;
    for (at, wants) in wanted.iter().enumerate() {
        let each = left / (wanted.len() - at);
        if *wants > each {
            return each;
        }
        left -= wants;
    }
    usize::MAX
}

impl Family {
    /// Leaves `most` series, those with the greatest values; the others become what the metric says.
    fn limit(&mut self, most: usize) {
        if self.samples.len() <= most {
            return;
        }
        let Self { metric, samples, dropped } = self;
        samples.sort_by(greatest_first);
        let kept = positions(metric);
        let room = match metric.rest {
            Rest::None => 0,
            Rest::Sum | Rest::Max => rests(&kept, samples).min(most),
        };
        let rest = samples.split_off(most - room);
        *dropped = rest.len();
        let mut folded: BTreeMap<Vec<&str>, f64> = BTreeMap::new();
        for sample in &rest {
            let value = folded.entry(values(&kept, sample)).or_insert(f64::NAN);
            *value = match metric.rest {
                _ if value.is_nan() => sample.value,
                _ if sample.value.is_nan() => *value,
                Rest::Max => value.max(sample.value),
                Rest::Sum | Rest::None => *value + sample.value,
            };
        }
        // Where there is no room for all of them, the smallest are left out.
        let mut folded: Vec<_> = folded.into_iter().collect();
        folded.sort_by(|(_, a), (_, b)| rank(*b).total_cmp(&rank(*a)));
        for (of, value) in folded.into_iter().take(room) {
            let labels = rest_labels(metric, &kept, &of);
            samples.push(Sample { labels, value, ..Sample::default() });
        }
    }
}

/// The greatest values first.
pub(super) fn greatest_first(a: &Sample, b: &Sample) -> Ordering {
    rank(b.value).total_cmp(&rank(a.value)).then_with(|| a.labels.cmp(&b.labels))
}

/// The labels of the series that stands for the rest of those whose `kept` labels are `of`.
pub(super) fn rest_labels(metric: &Metric, kept: &[usize], of: &[impl AsRef<str>]) -> Vec<String> {
    let mut labels = vec![OTHER.to_owned(); metric.labels.len()];
    for (at, label) in kept.iter().zip(of) {
        label.as_ref().clone_into(&mut labels[*at]);
    }
    labels
}

/// What no number is comes last.
fn rank(value: f64) -> f64 {
    if value.is_nan() { f64::NEG_INFINITY } else { value }
}

/// Where the labels stand that a rest has too.
pub(super) fn positions(metric: &Metric) -> Vec<usize> {
    let is_kept = |at: &usize| metric.kept.contains(&metric.labels[*at]);
    (0..metric.labels.len()).filter(is_kept).collect()
}

/// How many rests there may be of `samples`.
fn rests(kept: &[usize], samples: &[Sample]) -> usize {
    samples.iter().map(|sample| values(kept, sample)).collect::<BTreeSet<_>>().len()
}

fn values<'a>(kept: &[usize], sample: &'a Sample) -> Vec<&'a str> {
    kept.iter().map(|at| sample.labels[*at].as_str()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::metrics::FamilyType;

    fn limit(families: &mut [Family], most: usize) {
        Limits::default().apply(families, most);
    }

    fn family(budget: usize, rest: Rest, samples: &[(&str, &str, f64)]) -> Family {
        let mut metric = Metric::embedded().expect("headers are whole").remove(0);
        (metric.family_type, metric.budget, metric.rest) = (FamilyType::Gauge, budget, rest);
        metric.labels = vec!["app".to_owned(), "status".to_owned()];
        metric.kept = vec!["status".to_owned()];
        let sample = |(app, status, value): &(&str, &str, f64)| Sample {
            labels: vec![(*app).to_owned(), (*status).to_owned()],
            value: *value,
            ..Sample::default()
        };
        Family { metric, samples: samples.iter().map(sample).collect(), dropped: 0 }
    }

    fn series(family: &Family) -> Vec<(&str, &str, f64)> {
        let of = |sample: &'_ Sample| sample.value;
        family.samples.iter().map(|s| (&*s.labels[0], &*s.labels[1], of(s))).collect()
    }

    #[test]
    fn the_greatest_stay_and_the_others_are_one_for_each_status() {
        let all = [
            ("a", "good", 5.0),
            ("b", "bad", 4.0),
            ("c", "good", 3.0),
            ("d", "bad", 2.0),
            ("e", "good", 1.0),
        ];
        let limited = |most, rest| {
            let mut family = family(most, rest, &all);
            limit(std::slice::from_mut(&mut family), usize::MAX);
            family
        };
        let of = limited(4, Rest::Sum);
        let rest = [("other", "good", 4.0), ("other", "bad", 2.0)];
        assert_eq!(series(&of), [&all[..2], &rest].concat());
        assert_eq!(of.dropped, 3);
        let of = limited(4, Rest::Max);
        let rest = [("other", "good", 3.0), ("other", "bad", 2.0)];
        assert_eq!(series(&of), [&all[..2], &rest].concat());
        assert_eq!(series(&limited(2, Rest::None)), all[..2]);
        // There is room for one of two statuses.
        assert_eq!(series(&limited(1, Rest::Sum)), [("other", "good", 9.0)]);
        let of = limited(5, Rest::Sum);
        assert_eq!((series(&of).as_slice(), of.dropped), (&all[..], 0));
    }

    #[test]
    fn what_is_no_number_is_the_first_to_go() {
        let mut family =
            family(2, Rest::Sum, &[("a", "", f64::NAN), ("b", "", 1.0), ("c", "", -1.0)]);
        limit(std::slice::from_mut(&mut family), usize::MAX);
        assert_eq!(series(&family), [("b", "", 1.0), ("other", "", -1.0)]);
    }

    proptest! {
        #[test]
        fn all_together_are_no_more_than_asked_for(
            sizes in prop::collection::vec((0_usize..60, 0_usize..60), 1..8),
            most in 0_usize..200,
        ) {
            let apps: Vec<String> = (0..60).map(|n| n.to_string()).collect();
            let mut families: Vec<_> = sizes
                .iter()
                .map(|(size, budget)| {
                    let samples: Vec<_> =
                        apps[..*size].iter().map(|app| (app.as_str(), "good", 1.0)).collect();
                    family(*budget, Rest::Sum, &samples)
                })
                .collect();
            limit(&mut families, most);
            let all: usize = families.iter().map(|family| family.samples.len()).sum();
            let wanted: usize = sizes.iter().map(|(size, budget)| size.min(budget)).sum();
            prop_assert!(all <= most);
            // Less than one for each family is left unused.
            prop_assert!(all + families.len() > most.min(wanted));
            for (family, (size, budget)) in families.iter().zip(&sizes) {
                prop_assert!(family.samples.len() <= *budget);
                let sum: f64 = family.samples.iter().map(|sample| sample.value).sum();
                // Nothing is lost where anything stays.
                prop_assert!(family.samples.is_empty() || sum == *size as f64);
            }
        }
    }
}
