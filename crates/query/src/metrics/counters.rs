//! Counters within their limits.
//!
//! What a counter says must only go up: Prometheus takes a step down for a restart, and counts all
//! that comes after it once more. So a series that was told once stays, and does not give way to one
//! that has become greater. The series that stands for the rest adds up by how much the others have
//! grown since the first call: what they had before is unknown to nobody who looks at rates, and the
//! lake has it.

use std::collections::{BTreeMap, HashMap};

use super::declaration::{Metric, Rest};
use super::limits::{greatest_first, positions, rest_labels};
use super::{Bucket, Family, Sample};

/// What the series of a family had when they were told last.
#[derive(Debug, Default)]
pub(super) struct Counters {
    /// Those that are told.
    told: HashMap<Vec<String>, Numbers>,
    /// By the labels that are kept.
    groups: BTreeMap<Vec<String>, Group>,
    /// Whether there were ever more than can be told.
    has_rest: bool,
    is_begun: bool,
}

/// All series that have the same values of the labels that are kept.
#[derive(Debug, Default)]
struct Group {
    /// What they had together.
    all: Numbers,
    /// By how much those that are not told have grown.
    rest: Numbers,
}

/// The value of a sample and the counts of its buckets.
#[derive(Clone, Debug, Default)]
struct Numbers(Vec<f64>);

impl Counters {
    /// Leaves `most` samples: those that were told before, then those with the greatest values. The
    /// others become what the metric says.
    pub(super) fn limit(&mut self, family: &mut Family, most: usize) {
        let Family { metric, samples, dropped } = family;
        let kept = positions(metric);
        let key = |labels: &[String]| -> Vec<String> {
            kept.iter().map(|at| labels[*at].clone()).collect()
        };
        let mut all: BTreeMap<Vec<String>, Numbers> = BTreeMap::new();
        for sample in samples.iter() {
            all.entry(key(&sample.labels)).or_default().add(&Numbers::of(sample));
        }
        samples.sort_by(|a, b| {
            let is_told = |sample: &Sample| self.told.contains_key(&sample.labels);
            is_told(b).cmp(&is_told(a)).then_with(|| greatest_first(a, b))
        });
        let rest_is_told = metric.rest != Rest::None;
        self.has_rest |= rest_is_told && samples.len() > most;
        let room = if self.has_rest { all.len().min(most) } else { 0 };
        let bounds: Vec<f64> = samples
            .first()
            .map_or(Vec::new(), |sample| sample.buckets.iter().map(|b| b.le).collect());
        let others = samples.split_off(samples.len().min(most - room));
        *dropped = others.iter().map(Sample::series).sum();

        let mut grown = all.clone();
        for (group, numbers) in &mut grown {
            match self.groups.get(group) {
                Some(before) => numbers.subtract(&before.all),
                // What is there at first has not grown.
                None if !self.is_begun => *numbers = Numbers::default(),
                None => {}
            }
        }
        let mut before = std::mem::take(&mut self.told);
        for sample in samples.iter_mut() {
            let mut numbers = Numbers::of(sample);
            let told = before.remove(&sample.labels);
            if let Some(grown) = grown.get_mut(&key(&sample.labels)).filter(|_| self.is_begun) {
                let mut by = numbers.clone();
                told.iter().for_each(|told| by.subtract(told));
                grown.subtract(&by);
            }
            told.iter().for_each(|told| numbers.at_least(told));
            numbers.give(sample);
            self.told.insert(sample.labels.clone(), numbers);
        }
        // What has left was told, and is none of the rest.
        for (labels, gone) in before {
            if !others.iter().any(|other| other.labels == labels)
                && let Some(grown) = grown.get_mut(&key(&labels))
            {
                grown.add(&gone);
            }
        }
        for (group, numbers) in all {
            let grown = grown.remove(&group).unwrap_or_default();
            let group = self.groups.entry(group).or_default();
            group.all = numbers;
            group.rest.grow(&grown);
        }
        self.is_begun = true;
        let mut rests = self.rests(metric, &kept, &bounds);
        rests.sort_by(greatest_first);
        samples.extend(rests.into_iter().take(room));
    }

    fn rests(&self, metric: &Metric, kept: &[usize], bounds: &[f64]) -> Vec<Sample> {
        let rest = |(of, group): (&Vec<String>, &Group)| {
            let buckets = bounds.iter().map(|le| Bucket { le: *le, count: 0.0 }).collect();
            let mut sample = Sample { labels: rest_labels(metric, kept, of), value: 0.0, buckets };
            group.rest.give(&mut sample);
            sample
        };
        self.groups.iter().map(rest).collect()
    }
}

impl Numbers {
    fn of(sample: &Sample) -> Self {
        Self([sample.value].into_iter().chain(sample.buckets.iter().map(|b| b.count)).collect())
    }

    fn give(&self, sample: &mut Sample) {
        let places = [&mut sample.value].into_iter();
        let places = places.chain(sample.buckets.iter_mut().map(|bucket| &mut bucket.count));
        places.zip(&self.0).for_each(|(place, number)| *place = *number);
    }

    /// Takes each number and that of `other` together.
    fn with(&mut self, other: &Self, together: impl Fn(f64, f64) -> f64) {
        self.0.resize(self.0.len().max(other.0.len()), 0.0);
        for (number, other) in self.0.iter_mut().zip(&other.0) {
            *number = together(*number, *other);
        }
    }

    fn add(&mut self, other: &Self) {
        self.with(other, |a, b| a + b);
    }

    fn subtract(&mut self, other: &Self) {
        self.with(other, |a, b| a - b);
    }

    fn at_least(&mut self, other: &Self) {
        self.with(other, f64::max);
    }

    fn grow(&mut self, by: &Self) {
        self.with(by, |number, by| number + by.max(0.0));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::metrics::FamilyType;

    fn family(values: &[(String, f64)], rest: Rest) -> Family {
        let mut metric = Metric::embedded().expect("headers are whole").remove(0);
        (metric.family_type, metric.rest) = (FamilyType::Counter, rest);
        metric.labels = vec!["app".to_owned(), "status".to_owned()];
        metric.kept = vec!["status".to_owned()];
        let sample = |(app, value): &(String, f64)| Sample {
            labels: vec![app.clone(), status(app).to_owned()],
            value: *value,
            // Half of it was not above 1.
            buckets: vec![
                Bucket { le: 1.0, count: value / 2.0 },
                Bucket { le: f64::INFINITY, count: *value },
            ],
        };
        Family { metric, samples: values.iter().map(sample).collect(), dropped: 0 }
    }

    fn status(app: &str) -> &'static str {
        if app.len().is_multiple_of(2) { "good" } else { "bad" }
    }

    fn is_of(app: &str, of: &str) -> bool {
        status(app) == of
    }

    fn told(family: &Family) -> HashMap<(&str, &str), f64> {
        let told = family.samples.iter();
        told.map(|s| ((&*s.labels[0], &*s.labels[1]), s.value)).collect()
    }

    #[test]
    fn who_was_told_stays_and_the_rest_counts_what_it_grows_by() {
        let mut counters = Counters::default();
        let mut told_of = |values: &[(&str, f64)]| {
            let values: Vec<_> = values.iter().map(|(app, n)| ((*app).to_owned(), *n)).collect();
            let mut family = family(&values, Rest::Sum);
            counters.limit(&mut family, 3);
            let mut told: Vec<_> =
                family.samples.into_iter().map(|s| (s.labels[0].clone(), s.value)).collect();
            told.sort_by(|a, b| a.0.cmp(&b.0));
            told
        };
        let of = |told: &[(&str, f64)]| -> Vec<(String, f64)> {
            told.iter().map(|(app, n)| ((*app).to_owned(), *n)).collect()
        };
        assert_eq!(told_of(&[("a", 5.0), ("b", 4.0)]), of(&[("a", 5.0), ("b", 4.0)]));
        let more = [("a", 6.0), ("b", 4.0), ("c", 3.0), ("d", 1.0)];
        assert_eq!(told_of(&more), of(&[("a", 6.0), ("b", 4.0), ("other", 4.0)]));
        // d is the greatest now, and stays where it is.
        let more = [("a", 6.0), ("b", 4.5), ("c", 3.0), ("d", 9.0)];
        assert_eq!(told_of(&more), of(&[("a", 6.0), ("b", 4.5), ("other", 12.0)]));
        // Somebody has taken something back.
        let fewer = [("a", 2.0), ("b", 4.5), ("c", 3.0), ("d", 9.0)];
        assert_eq!(told_of(&fewer)[..2], of(&[("a", 6.0), ("b", 4.5)]));
    }

    proptest! {
        #[test]
        fn counters_only_go_up_by_what_was_counted(
            steps in prop::collection::vec(prop::collection::vec(0_u32..50, 12), 1..12),
            limits in prop::collection::vec(3_usize..14, 12),
            is_fixed in any::<bool>(),
        ) {
            // An application is there from when it has counted something.
            let mut now: BTreeMap<String, f64> = BTreeMap::new();
            let mut counters = Counters::default();
            let mut before: Option<(BTreeMap<String, f64>, Family)> = None;
            for (step, limit) in steps.iter().zip(&limits) {
                for (n, by) in step.iter().enumerate().filter(|(_, by)| **by > 20) {
                    *now.entry("x".repeat(n + 1)).or_default() += f64::from(*by);
                }
                let values: Vec<_> = now.clone().into_iter().collect();
                let mut family = family(&values, Rest::Sum);
                let most = if is_fixed { 5 } else { *limit };
                counters.limit(&mut family, most);
                prop_assert!(family.samples.len() <= most);
                for sample in &family.samples {
                    prop_assert_eq!(sample.buckets[1].count, sample.value);
                    prop_assert_eq!(sample.buckets[0].count, sample.value / 2.0);
                }
                if let Some((was, earlier)) = &before {
                    let (told, earlier) = (told(&family), told(earlier));
                    for (labels, value) in &earlier {
                        prop_assert!(told.get(labels).is_none_or(|now| now >= value));
                    }
                    for status in ["good", "bad"] {
                        let hidden = now.iter().filter(|(app, _)| {
                            is_of(app, status)
                                && !told.contains_key(&(app.as_str(), status))
                        });
                        let grown: f64 =
                            hidden.map(|(app, n)| n - was.get(app).unwrap_or(&0.0)).sum();
                        let other = |told: &HashMap<(&str, &str), f64>| {
                            told.get(&("other", status)).copied()
                        };
                        if let (true, Some(now)) = (is_fixed, other(&told)) {
                            prop_assert_eq!(now, other(&earlier).unwrap_or(0.0) + grown);
                        }
                    }
                }
                before = Some((now.clone(), family));
            }
        }
    }
}
