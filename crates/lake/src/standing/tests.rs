use proptest::prelude::*;
use stagelight_eventlog::Identity;

use super::{Standing, standings};
use crate::ledger::{Entry, Layout};
use crate::source::SourceId;

fn entry(uri: &str, layout: Layout, segment: i64, events: u64) -> Entry {
    Entry {
        source: SourceId { uri: uri.into(), etag: String::new() },
        modified_ms: 0,
        size: 0,
        identity: Identity { app_id: "local-1".into(), attempt_id: None },
        segment,
        layout,
        events,
        quarantined: 0,
        last_event_ms: None,
        is_merged: false,
    }
}

/// The addresses that count.
fn counted(entries: &[Entry]) -> Vec<&str> {
    let refs: Vec<_> = entries.iter().collect();
    let counted = refs.iter().zip(standings(&refs)).filter(|(_, s)| *s == Standing::Counted);
    let mut uris: Vec<_> = counted.map(|(entry, _)| entry.source.uri.as_str()).collect();
    uris.sort_unstable();
    uris
}

use Layout::{Compacted, Dated, Rolling, Single};

#[test]
fn a_copy_counts_once() {
    let entries = [
        entry("a/1", Rolling, 1, 10),
        entry("a/2", Rolling, 2, 10),
        entry("b/1", Rolling, 1, 10),
        entry("b/2", Rolling, 2, 20),
        entry("b/3", Rolling, 3, 5),
    ];
    assert_eq!(counted(&entries), ["a/1", "b/2", "b/3"]);
}

#[test]
fn the_finished_name_goes_before_the_unfinished() {
    let entries = [entry("x", Single, 1, 12), entry("x.inprogress", Single, 1, 10)];
    assert_eq!(counted(&entries), ["x"]);
    let entries = [entry("x", Single, 1, 12), entry("x.inprogress", Single, 1, 12)];
    assert_eq!(counted(&entries), ["x"]);
}

#[test]
fn one_layout_counts() {
    let rolling = [entry("r/1", Rolling, 1, 10), entry("r/2", Rolling, 2, 10)];
    let mut entries = rolling.to_vec();
    entries.push(entry("single", Single, 1, 20));
    assert_eq!(counted(&entries), ["r/1", "r/2"]);
    entries[2].events = 21;
    assert_eq!(counted(&entries), ["single"]);
    let dated = [entry("d/1", Dated, 700, 3), entry("d/2", Dated, 760, 3)];
    assert_eq!(counted(&dated), ["d/1", "d/2"]);
}

#[test]
fn a_compacted_file_counts_only_without_its_originals() {
    let compacted = entry("3.compact", Compacted, 3, 12);
    let rest = entry("4", Rolling, 4, 10);
    assert_eq!(counted(&[compacted.clone(), rest.clone()]), ["3.compact", "4"]);
    let originals = [1, 2, 3].map(|n| entry(&n.to_string(), Rolling, n, 10));
    let mut all = originals.to_vec();
    all.extend([compacted, rest]);
    assert_eq!(counted(&all), ["1", "2", "3", "4"]);
}

#[test]
fn a_compacted_file_may_be_compacted_again() {
    let entries = [
        entry("2.compact", Compacted, 2, 5),
        entry("3", Rolling, 3, 10),
        entry("4", Rolling, 4, 10),
        entry("4.compact", Compacted, 4, 9),
    ];
    assert_eq!(counted(&entries), ["2.compact", "3", "4"]);
    assert_eq!(counted(&entries[3..]), ["4.compact"]);
    assert_eq!(counted(&[entries[0].clone(), entries[3].clone()]), ["4.compact"]);
}

#[test]
fn a_file_without_events_takes_no_others_place() {
    let entries = [entry("empty", Rolling, 1, 0), entry("full", Rolling, 1, 3)];
    assert_eq!(counted(&entries), ["empty", "full"]);
}

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let layout = prop::sample::select(vec![Single, Rolling, Compacted, Dated]);
    let one = (layout, 1..6_i64, 0..50_u64);
    prop::collection::vec(one, 1..12).prop_map(|all| {
        all.into_iter()
            .enumerate()
            .map(|(n, (layout, segment, events))| {
                let segment = if layout == Single { 1 } else { segment };
                entry(&format!("{n}"), layout, segment, events)
            })
            .collect()
    })
}

fn total(entries: &[Entry]) -> u64 {
    let refs: Vec<_> = entries.iter().collect();
    let all = refs.iter().zip(standings(&refs));
    all.filter(|(_, s)| *s == Standing::Counted).map(|(entry, _)| entry.events).sum()
}

proptest! {
    #[test]
    fn more_files_never_make_it_fewer(entries in entries()) {
        for end in 1..entries.len() {
            prop_assert!(total(&entries[..end]) <= total(&entries[..=end]));
        }
    }

    #[test]
    fn no_part_of_a_log_counts_twice(entries in entries()) {
        let refs: Vec<_> = entries.iter().collect();
        let counted: Vec<_> = refs
            .iter()
            .zip(standings(&refs))
            .filter(|(entry, s)| *s == Standing::Counted && entry.events > 0)
            .map(|(entry, _)| *entry)
            .collect();
        for (n, one) in counted.iter().enumerate() {
            for other in &counted[n + 1..] {
                let both = [one.layout, other.layout];
                prop_assert!(one.segment != other.segment, "{:?}", both);
                match both {
                    [Compacted, Compacted] => prop_assert!(false, "two compacted files"),
                    [Compacted, Rolling] => prop_assert!(one.segment < other.segment),
                    [Rolling, Compacted] => prop_assert!(one.segment > other.segment),
                    [a, b] => prop_assert_eq!(a, b),
                }
            }
        }
    }

    #[test]
    fn the_order_of_coming_does_not_matter(entries in entries()) {
        let mut reversed = entries.clone();
        reversed.reverse();
        prop_assert_eq!(counted(&entries), counted(&reversed));
    }
}
