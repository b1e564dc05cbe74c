use proptest::prelude::*;

use super::*;

const TARGET: u64 = 100;

fn options() -> CompactionOptions {
    CompactionOptions { target_bytes: TARGET, min_files: 4, ..CompactionOptions::default() }
}

fn day(n: u64) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, 1).expect("a day") + chrono::Days::new(n)
}

fn file(path: &str, size: u64) -> LakeFile {
    LakeFile {
        path: path.to_owned(),
        size,
        rows: None,
        app_ids: Some(("app".to_owned(), "app".to_owned())),
        has_one_app_id: true,
        shown: None,
    }
}

fn candidates(day: NaiveDate, sizes: &[u64]) -> Vec<Candidate> {
    let files = (0..).zip(sizes);
    files
        .map(|(n, size)| Candidate {
            file: file(&format!("{day}-{n}"), *size),
            day,
            has_replaced: false,
        })
        .collect()
}

/// How many files become one, of each merge.
fn planned(candidates: Vec<Candidate>, today: NaiveDate) -> Vec<usize> {
    plan(candidates, &options(), today).iter().map(|merge| merge.files.len()).collect()
}

#[test]
fn a_day_that_is_over_is_merged_sooner() {
    assert_eq!(planned(candidates(day(1), &[1, 1]), day(2)), [2]);
    assert!(planned(candidates(day(1), &[1]), day(2)).is_empty());
    assert!(planned(candidates(day(2), &[1, 1, 1]), day(2)).is_empty());
    assert_eq!(planned(candidates(day(2), &[1, 1, 1, 1]), day(2)), [4]);
}

#[test]
fn days_are_not_mixed() {
    let two = candidates(day(1), &[1]).into_iter().chain(candidates(day(2), &[1]));
    assert!(planned(two.collect(), day(9)).is_empty());
}

#[test]
fn large_files_are_left_alone() {
    assert!(planned(candidates(day(1), &[50, 70, 1]), day(2)).is_empty());
    assert_eq!(planned(candidates(day(1), &[49, 49, 49, 49, 49]), day(2)), [3, 2]);
}

#[test]
fn what_was_replaced_is_left_out_of_a_file_of_any_size() {
    let mut candidates = candidates(day(2), &[500]);
    candidates[0].has_replaced = true;
    assert_eq!(planned(candidates, day(2)), [1]);
}

proptest! {
    /// Again and again, until nothing is worth merging: that is soon, and no file is lost.
    #[test]
    fn merging_comes_to_an_end(sizes in prop::collection::vec(0..120_u64, 0..60)) {
        let mut files: BTreeMap<String, u64> =
            sizes.iter().enumerate().map(|(n, size)| (format!("file-{n}"), *size)).collect();
        let bytes = files.values().sum::<u64>();
        for round in 0.. {
            prop_assert!(round < 8, "{} files", files.len());
            let candidates = files.iter().map(|(path, size)| Candidate {
                file: file(path, *size),
                day: day(1),
                has_replaced: false,
            });
            let merges = plan(candidates.collect(), &options(), day(2));
            if merges.is_empty() {
                break;
            }
            for (n, merge) in merges.iter().enumerate() {
                for merged in &merge.files {
                    prop_assert!(files.remove(&merged.path).is_some(), "{} is merged twice", merged.path);
                }
                files.insert(format!("merged-{round}-{n}"), merge.bytes());
            }
        }
        prop_assert_eq!(files.values().sum::<u64>(), bytes);
        prop_assert!(files.values().filter(|size| **size < TARGET / 2).count() < 2);
    }
}
