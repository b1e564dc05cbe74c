//! `histogram_quantile(q, le, count)`: a quantile of what is only known by how much of it there is up
//! to certain bounds.

use std::collections::HashMap;
use std::mem::size_of_val;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Float64Array, ListArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Float64Type};
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::{Accumulator, AggregateUDF};
use datafusion::scalar::ScalarValue;

use super::signature::{About, aggregate};

/// The function.
pub(super) fn function() -> AggregateUDF {
    let about = About {
        name: "histogram_quantile",
        arguments: vec![
            ("q", DataType::Float64, "the quantile, 0 to 1, the same in every row of a group"),
            (
                "le",
                DataType::Float64,
                "the upper bound of a bucket; of the last one `CAST('+Inf' AS DOUBLE)`",
            ),
            ("count", DataType::Float64, "how many are in this bucket, and not in one before it"),
        ],
        returns: DataType::Float64,
        description: "The quantile `q` of a histogram of which each row is a bucket. Within a bucket \
                      values are taken to be spread evenly; the first begins at 0, or is its bound \
                      where that is not positive; of the last, which has no end, it is the bound of \
                      the one before. Prometheus: `histogram_quantile` of classic histograms \
                      (promql, `BucketQuantile`), but that there `count` has what is in the buckets \
                      before, too. Rows of the same bound are added up, and rows without bound or \
                      count left out. As there, it is NaN with fewer than two buckets, without a \
                      last one (`+Inf`), or when nothing is in any, and infinite for a `q` that is \
                      not in 0 to 1. It is NULL where `q` is, and where there are no rows.",
        example: "SELECT histogram_quantile(0.9, le, count)\n\
                  FROM (VALUES (0.1, 60), (0.5, 20), (1.0, 15), (CAST('+Inf' AS DOUBLE), 5))\n\
                  \u{20} AS buckets (le, count);  -- 0.8333333333333333",
    };
    let list = || DataType::List(element());
    aggregate::<HistogramQuantile>(about, vec![DataType::Float64, list(), list()])
}

fn element() -> FieldRef {
    Arc::new(Field::new_list_field(DataType::Float64, true))
}

#[derive(Debug, Default)]
struct HistogramQuantile {
    q: Option<f64>,
    /// How many there are in each bucket, by the bits of its bound.
    buckets: HashMap<u64, f64>,
}

impl HistogramQuantile {
    fn asked(&mut self, q: f64) -> Result<()> {
        match self.q {
            Some(other) if other.to_bits() != q.to_bits() => {
                exec_err!("histogram_quantile wants one quantile for a group, not {other} and {q}")
            }
            _ => {
                self.q = Some(q);
                Ok(())
            }
        }
    }

    fn add(&mut self, bound: f64, count: f64) {
        // Zero has a sign, which tells no bounds apart.
        let bound = if bound == 0.0 { 0.0 } else { bound };
        *self.buckets.entry(bound.to_bits()).or_default() += count;
    }

    fn add_all(&mut self, bounds: &ArrayRef, counts: &ArrayRef) {
        let counts = counts.as_primitive::<Float64Type>().iter();
        for (bound, count) in bounds.as_primitive::<Float64Type>().iter().zip(counts) {
            if let (Some(bound), Some(count)) = (bound, count) {
                self.add(bound, count);
            }
        }
    }
}

impl Accumulator for HistogramQuantile {
    fn update_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        for q in columns[0].as_primitive::<Float64Type>().iter().flatten() {
            self.asked(q)?;
        }
        self.add_all(&columns[1], &columns[2]);
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for q in states[0].as_primitive::<Float64Type>().iter().flatten() {
            self.asked(q)?;
        }
        let counts = states[2].as_list::<i32>().iter();
        for (bounds, counts) in states[1].as_list::<i32>().iter().zip(counts) {
            if let (Some(bounds), Some(counts)) = (bounds, counts) {
                self.add_all(&bounds, &counts);
            }
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let list = |values: Vec<f64>| {
            let offsets = OffsetBuffer::from_lengths([values.len()]);
            let values = Arc::new(Float64Array::from(values));
            ScalarValue::List(Arc::new(ListArray::new(element(), offsets, values, None)))
        };
        let (bounds, counts) =
            self.buckets.iter().map(|(bound, count)| (f64::from_bits(*bound), *count)).unzip();
        Ok(vec![ScalarValue::Float64(self.q), list(bounds), list(counts)])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let buckets = self.buckets.iter().map(|(bound, count)| (f64::from_bits(*bound), *count));
        let buckets: Vec<_> = buckets.collect();
        let answer = self.q.filter(|_| !buckets.is_empty()).map(|q| bucket_quantile(q, buckets));
        Ok(ScalarValue::Float64(answer))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.buckets.capacity() * size_of::<(u64, f64)>()
    }
}

/// Prometheus: `BucketQuantile`; of buckets with a bound and how many are in each, each bound once.
fn bucket_quantile(q: f64, mut buckets: Vec<(f64, f64)>) -> f64 {
    if q.is_nan() || buckets.iter().any(|(bound, count)| bound.is_nan() || count.is_nan()) {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    buckets.sort_unstable_by(|(one, _), (other, _)| one.total_cmp(other));
    // From here on with what is in the buckets before. It never falls, whatever is taken out of one.
    let (mut sum, mut most) = (0.0, f64::NEG_INFINITY);
    for (_, count) in &mut buckets {
        sum += *count;
        most = sum.max(most);
        *count = most;
    }
    let [.., (last_finite, _), (last, all)] = buckets[..] else { return f64::NAN };
    if last != f64::INFINITY || all == 0.0 {
        return f64::NAN;
    }
    let rank = q * all;
    let at = buckets[..buckets.len() - 1].partition_point(|(_, count)| *count < rank);
    let (end, count) = buckets[at];
    if at == buckets.len() - 1 {
        return last_finite;
    }
    if at == 0 && end <= 0.0 {
        return end;
    }
    let (start, before) = if at == 0 { (0.0, 0.0) } else { buckets[at - 1] };
    start + (end - start) * ((rank - before) / (count - before))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const INF: f64 = f64::INFINITY;

    /// Those of Prometheus' own documentation of the function, and what its code says of the rest.
    #[test]
    fn quantiles_are_those_of_prometheus() {
        let usual = [(0.1, 60.0), (0.5, 20.0), (1.0, 15.0), (INF, 5.0)];
        let below_zero = [(-1.0, 2.0), (1.0, 2.0), (INF, 0.0)];
        for (q, buckets, expected) in [
            // 30 of the 60 that are between 0 and 0.1.
            (0.3, &usual[..], 0.05),
            (0.6, &usual, 0.1),
            // 10 of the 20 between 0.1 and 0.5, 10 of the 15 between 0.5 and 1.
            (0.7, &usual, 0.1 + (0.5 - 0.1) * (10.0 / 20.0)),
            (0.9, &usual, 0.5 + 0.5 * (10.0 / 15.0)),
            (0.96, &usual, 1.0),
            (1.0, &usual, 1.0),
            (0.0, &usual, 0.0),
            (-0.1, &usual, f64::NEG_INFINITY),
            (1.1, &usual, INF),
            (0.25, &below_zero, -1.0),
            (0.75, &below_zero, 0.0),
            // Nothing is taken out of what is before.
            (0.5, &[(1.0, 4.0), (2.0, -2.0), (INF, 0.0)], 0.5),
            (1.0, &[(INF, 1.0), (2.0, 0.0)], 2.0),
        ] {
            assert_eq!(bucket_quantile(q, buckets.to_vec()), expected, "{q} of {buckets:?}");
        }
        for (q, buckets) in [
            (f64::NAN, &usual[..]),
            (0.5, &usual[..3]),
            (0.5, &[(INF, 1.0)]),
            (0.5, &[(1.0, 0.0), (INF, 0.0)]),
            (0.5, &[(f64::NAN, 1.0), (1.0, 1.0), (INF, 1.0)]),
            (0.5, &[(1.0, f64::NAN), (INF, 1.0)]),
        ] {
            assert!(bucket_quantile(q, buckets.to_vec()).is_nan(), "{q} of {buckets:?}");
        }
    }

    fn columns(rows: &[(Option<f64>, Option<f64>, Option<f64>)]) -> [ArrayRef; 3] {
        let column = |of: fn(&(_, _, _)) -> Option<f64>| -> ArrayRef {
            Arc::new(rows.iter().map(of).collect::<Float64Array>())
        };
        [column(|row| row.0), column(|row| row.1), column(|row| row.2)]
    }

    fn answer(rows: &[(Option<f64>, Option<f64>, Option<f64>)]) -> Option<f64> {
        let mut quantile = HistogramQuantile::default();
        quantile.update_batch(&columns(rows)).expect("one quantile");
        match quantile.evaluate().expect("a number") {
            ScalarValue::Float64(answer) => answer,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn rows_without_bound_or_count_are_left_out() {
        let q = Some(0.5);
        let all = [
            (q, Some(0.0), Some(1.0)),
            (q, Some(-0.0), Some(1.0)),
            (q, Some(2.0), None),
            (q, None, Some(7.0)),
            (q, Some(4.0), Some(6.0)),
            (q, Some(INF), Some(0.0)),
        ];
        // 4 of 8: 2 are up to 0, and 2 of the 6 up to 4.
        assert_eq!(answer(&all), Some(4.0 * (2.0 / 6.0)));
        assert_eq!(answer(&[]), None);
        assert_eq!(answer(&[(q, None, None)]), None);
        assert_eq!(answer(&all.map(|(_, bound, count)| (None, bound, count))), None);
    }

    #[test]
    fn a_group_has_one_quantile() {
        let mut quantile = HistogramQuantile::default();
        let rows = [(Some(0.5), Some(1.0), Some(1.0)), (Some(0.9), Some(INF), Some(1.0))];
        let error = quantile.update_batch(&columns(&rows)).expect_err("two").to_string();
        assert!(error.contains("one quantile for a group, not 0.5 and 0.9"), "{error}");
    }

    proptest! {
        #[test]
        fn a_greater_quantile_is_never_less(
            one in 0.0..=1.0,
            other in 0.0..=1.0,
            buckets in vec((-50_i32..50, 0_u32..9), 1..9),
            parts in 1_usize..4,
        ) {
            let (one, other) = if one < other { (one, other) } else { (other, one) };
            let rows = |q: f64| -> Vec<_> {
                let bounds = buckets.iter().map(|(bound, n)| (f64::from(*bound), f64::from(*n)));
                let bounds = bounds.chain([(INF, 1.0)]);
                bounds.map(|(bound, count)| (Some(q), Some(bound), Some(count))).collect()
            };
            let [low, high] = [one, other].map(|q| answer(&rows(q)).expect("a number"));
            prop_assert!(low <= high, "{low} {high}");
            let bounds = || buckets.iter().map(|(bound, _)| f64::from(*bound));
            let greatest = bounds().fold(f64::NEG_INFINITY, f64::max);
            prop_assert!(bounds().fold(0.0, f64::min) <= low && high <= greatest);

            // In whatever parts the rows come.
            let rows = rows(one);
            let mut merged = HistogramQuantile::default();
            for part in rows.chunks(rows.len().div_ceil(parts)) {
                let mut partial = HistogramQuantile::default();
                partial.update_batch(&columns(part)).expect("one quantile");
                let state = partial.state().expect("a state");
                let state: Vec<_> =
                    state.iter().map(|value| value.to_array().expect("an array")).collect();
                merged.merge_batch(&state).expect("one quantile");
            }
            prop_assert_eq!(merged.evaluate().expect("a number"), ScalarValue::Float64(Some(low)));
        }
    }
}
