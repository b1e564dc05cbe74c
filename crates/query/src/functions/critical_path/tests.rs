use std::collections::{BTreeMap, BTreeSet};

use datafusion::arrow::array::ListBuilder;
use datafusion::arrow::array::builder::Int64Builder;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn longest_path(rows: &[(i64, Vec<i64>, i64)]) -> Option<i64> {
    let mut parents = ListBuilder::new(Int64Builder::new());
    for (_, of, _) in rows {
        parents.append_value(of.iter().copied().map(Some));
    }
    let columns: [ArrayRef; 3] = [
        Arc::new(rows.iter().map(|row| row.0).collect::<Int64Array>()),
        Arc::new(parents.finish()),
        Arc::new(rows.iter().map(|row| row.2).collect::<Int64Array>()),
    ];
    in_parts::<LongestPath>(&columns)
}

fn longest_chain(rows: &[(i64, Option<i64>, i64)]) -> Option<i64> {
    let columns: [ArrayRef; 3] = [
        Arc::new(rows.iter().map(|row| row.0).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|row| row.1).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|row| row.2).collect::<Int64Array>()),
    ];
    in_parts::<LongestChain>(&columns)
}

/// The answer of an aggregation whose rows come to two accumulators, in the order that is worse.
fn in_parts<A: Accumulator + Default>(columns: &[ArrayRef; 3]) -> Option<i64> {
    let rows = columns[0].len();
    let part = |from: usize, to: usize| {
        let mut accumulator = A::default();
        let columns: Vec<_> = columns.iter().map(|column| column.slice(from, to - from)).collect();
        accumulator.update_batch(&columns).expect("rows");
        let state = accumulator.state().expect("a state");
        state.into_iter().map(|list| list.to_array().expect("an array")).collect::<Vec<_>>()
    };
    let mut whole = A::default();
    whole.merge_batch(&part(rows / 2, rows)).expect("a state");
    whole.merge_batch(&part(0, rows / 2)).expect("a state");
    match whole.evaluate().expect("an answer") {
        ScalarValue::Int64(answer) => answer,
        other => panic!("{other:?} is no number"),
    }
}

/// The longest path that ends with `id`, by walking every path; none if one comes to itself.
fn walked(
    graph: &BTreeMap<i64, (BTreeSet<i64>, i64)>,
    id: i64,
    passed: &mut Vec<i64>,
) -> Option<i64> {
    if passed.contains(&id) {
        return None;
    }
    let (parents, length) = &graph[&id];
    passed.push(id);
    let before = parents
        .iter()
        .filter(|parent| graph.contains_key(parent))
        .map(|&parent| walked(graph, parent, passed))
        .try_fold(0, |longest, path| Some(longest.max(path?)));
    passed.pop();
    Some(before? + length)
}

#[test]
fn nothing_has_no_length() {
    assert_eq!(longest_path(&[]), None);
    assert_eq!(longest_chain(&[]), None);
    // All of it waits for itself.
    assert_eq!(longest_path(&[(1, vec![2], 5), (2, vec![1], 5)]), None);
}

#[test]
fn a_stage_waits_for_the_slowest_that_it_reads() {
    let rows = [(0, vec![], 5), (1, vec![], 7), (2, vec![0, 1, 99], 2), (3, vec![0], 3)];
    assert_eq!(longest_path(&rows), Some(9));
}

#[test]
fn a_long_row_of_stages_is_no_matter() {
    let rows: Vec<_> = (0..100_000).map(|id| (id, vec![id - 1], 1)).collect();
    assert_eq!(longest_path(&rows), Some(100_000));
}

#[test]
fn jobs_side_by_side_count_as_the_longest() {
    // One lasts all the time, beside two that follow each other.
    let rows = |long| [(0, Some(100), long), (10, Some(20), 8), (20, None, 7)];
    assert_eq!(longest_chain(&rows(90)), Some(90));
    assert_eq!(longest_chain(&rows(9)), Some(15));
}

proptest! {
    #[test]
    fn a_path_is_the_longest_that_can_be_walked(
        rows in vec((0..8_i64, vec(0..9_i64, 0..3), 0..100_i64), 0..9),
    ) {
        let mut graph = BTreeMap::<i64, (BTreeSet<i64>, i64)>::new();
        for (id, parents, length) in &rows {
            let vertex = graph.entry(*id).or_default();
            vertex.0.extend(parents);
            vertex.1 = vertex.1.max(*length);
        }
        let all = graph.keys().filter_map(|&id| walked(&graph, id, &mut Vec::new()));
        prop_assert_eq!(longest_path(&rows), all.max());
    }

    #[test]
    fn a_chain_is_the_longest_of_all_choices(
        rows in vec((0..20_i64, prop::option::weighted(0.8, 0..10_i64), 0..100_i64), 0..9),
    ) {
        let rows = rows.into_iter();
        let rows = rows.map(|(from, lasts, length)| (from, lasts.map(|ms| from + ms), length));
        let mut rows: Vec<_> = rows.collect();
        let found = longest_chain(&rows);
        rows.sort_by_key(|&(from, to, _)| (from, to.unwrap_or(i64::MAX)));
        let choices = (1_u32..1 << rows.len()).filter_map(|choice| {
            let chosen: Vec<_> = (0..rows.len()).filter(|n| (choice >> n) & 1 == 1).collect();
            let follow = chosen.windows(2).all(|two| {
                rows[two[0]].1.is_some_and(|end| end <= rows[two[1]].0)
            });
            follow.then(|| chosen.iter().map(|&n| rows[n].2).sum::<i64>())
        });
        prop_assert_eq!(found, choices.max());
    }
}
