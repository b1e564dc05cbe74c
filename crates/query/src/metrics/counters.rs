//! Counters within their limits.
//!
//! What a counter says must only go up: Prometheus takes a step down for a restart, and counts all
//! that comes after it once more. So a series that was told once stays, and does not give way to one
//! that has become greater. The series that stands for the rest adds up by how much the others have
//! grown since the first call: what they had before is unknown to nobody who looks at rates, and the
//! lake has it.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap};
use std::hash::{Hash, Hasher};

use super::declaration::{Metric, Rest};
use super::limits::{greatest_first, positions, rest_labels};
use super::{Bucket, Family, Sample};

/// What is remembered of the series of a family.
#[derive(Debug, Default)]
pub(super) struct Counters {
    /// What those that are told have said: the greatest that they ever had.
    told: HashMap<Vec<String>, Numbers>,
    /// What every series had last, by the hash of its labels: of many names there is no room for all.
    last: HashMap<u64, Numbers>,
    /// By the labels that are kept: by how much those that were not told have grown.
    rests: BTreeMap<Vec<String>, Numbers>,
    /// Whether there were ever more than can be told.
    has_rest: bool,
    is_begun: bool,
}

/// The value of a sample and the counts of its buckets.
#[derive(Clone, Debug, Default)]
struct Numbers(Box<[f64]>);

impl Counters {
    /// Leaves `most` samples: those that were told before, then those with the greatest values. The
    /// others become what the metric says.
    pub(super) fn limit(&mut self, family: &mut Family, most: usize) {
        let Family { metric, samples, dropped } = family;
        let kept = positions(metric);
        let group = |sample: &Sample| -> Vec<String> {
            kept.iter().map(|at| sample.labels[*at].clone()).collect()
        };
        samples.sort_by(|a, b| {
            let is_told = |sample: &Sample| self.told.contains_key(&sample.labels);
            is_told(b).cmp(&is_told(a)).then_with(|| greatest_first(a, b))
        });
        let mut groups: Vec<_> = samples.iter().map(group).collect();
        groups.sort_unstable();
        groups.dedup();
        self.has_rest |= metric.rest != Rest::None && samples.len() > most;
        let room = if self.has_rest { groups.len().min(most) } else { 0 };
        let others = samples.split_off(samples.len().min(most - room));
        *dropped = others.iter().map(Sample::series).sum();
        let bounds = samples.iter().chain(&others).next();
        let bounds: Vec<f64> =
            bounds.iter().flat_map(|sample| &sample.buckets).map(|b| b.le).collect();

        let mut last = HashMap::with_capacity(samples.len() + others.len());
        for sample in &others {
            let (hash, now) = (hash(&sample.labels), Numbers::of(sample));
            // What is there at first has not grown.
            let before = self.last.get(&hash).or((!self.is_begun).then_some(&now));
            let grown = now.grown_since(before);
            self.rests.entry(group(sample)).or_default().with(&grown, |rest, by| rest + by);
            last.insert(hash, now);
        }
        let mut told = HashMap::with_capacity(samples.len());
        for sample in samples.iter_mut() {
            let now = Numbers::of(sample);
            last.insert(hash(&sample.labels), now.clone());
            let mut said = now;
            self.told.get(&sample.labels).iter().for_each(|told| said.with(told, f64::max));
            said.give(sample);
            told.insert(sample.labels.clone(), said);
        }
        (self.last, self.told, self.is_begun) = (last, told, true);
        let rests = groups.iter().map(|group| self.rest(metric, &kept, group, &bounds));
        samples.extend(rests.take(room));
    }

    fn rest(&self, metric: &Metric, kept: &[usize], of: &[String], bounds: &[f64]) -> Sample {
        let buckets = bounds.iter().map(|le| Bucket { le: *le, count: 0.0 }).collect();
        let mut sample = Sample { labels: rest_labels(metric, kept, of), value: 0.0, buckets };
        self.rests.get(of).iter().for_each(|rest| rest.give(&mut sample));
        sample
    }
}

fn hash(labels: &[String]) -> u64 {
    let mut hasher = DefaultHasher::new();
    labels.hash(&mut hasher);
    hasher.finish()
}

impl Numbers {
    fn of(sample: &Sample) -> Self {
        let numbers = [sample.value].into_iter();
        Self(numbers.chain(sample.buckets.iter().map(|bucket| bucket.count)).collect())
    }

    fn give(&self, sample: &mut Sample) {
        let places = [&mut sample.value].into_iter();
        let places = places.chain(sample.buckets.iter_mut().map(|bucket| &mut bucket.count));
        places.zip(&self.0).for_each(|(place, number)| *place = *number);
    }

    /// By how much they are greater than `before`.
    fn grown_since(&self, before: Option<&Self>) -> Self {
        let before = |at: usize| before.and_then(|before| before.0.get(at)).unwrap_or(&0.0);
        Self(self.0.iter().enumerate().map(|(at, now)| (now - before(at)).max(0.0)).collect())
    }

    /// Takes each number and that of `other` together.
    fn with(&mut self, other: &Self, together: impl Fn(f64, f64) -> f64) {
        let number = |of: &Self, at: usize| of.0.get(at).copied().unwrap_or(0.0);
        let all = 0..self.0.len().max(other.0.len());
        self.0 = all.map(|at| together(number(self, at), number(other, at))).collect();
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
        let told = of(&[("a", 6.0), ("b", 4.5), ("other", 12.0)]);
        for _ in 0..3 {
            assert_eq!(told_of(&fewer), told);
        }
    }

    proptest! {
        #[test]
        fn counters_only_go_up_by_what_was_counted(
            steps in prop::collection::vec(prop::collection::vec(0_u32..60, 12), 1..12),
            limits in prop::collection::vec(3_usize..14, 12),
        ) {
            // An application is there from when it has counted something; some take that back, or go.
            let mut now: BTreeMap<String, f64> = BTreeMap::new();
            let mut counters = Counters::default();
            let mut before: Option<(BTreeMap<String, f64>, Family)> = None;
            for (step, limit) in steps.iter().zip(&limits) {
                for (n, by) in step.iter().enumerate() {
                    let app = "x".repeat(n + 1);
                    match by {
                        0..25 => {}
                        25 => drop(now.remove(&app)),
                        26..30 => *now.entry(app).or_default() /= 2.0,
                        by => *now.entry(app).or_default() += f64::from(*by),
                    }
                }
                let values: Vec<_> = now.clone().into_iter().collect();
                let mut family = family(&values, Rest::Sum);
                counters.limit(&mut family, *limit);
                prop_assert!(family.samples.len() <= *limit);
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
                            is_of(app, status) && !told.contains_key(&(app.as_str(), status))
                        });
                        let grown: f64 = hidden
                            .map(|(app, n)| (n - was.get(app).unwrap_or(&0.0)).max(0.0))
                            .sum();
                        let of = ("other", status);
                        if let (Some(now), Some(before)) = (told.get(&of), earlier.get(&of)) {
                            prop_assert!((now - before - grown).abs() < 1e-9, "{now} {before} {grown}");
                        }
                    }
                }
                before = Some((now.clone(), family));
            }
        }
    }
}
