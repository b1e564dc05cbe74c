//! A log gives the same events however its bytes come, and no others where some do not come.

use std::io::{ErrorKind, Read};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use stagelight_eventlog::{Codec, DecodeError, Decoder, Lines, open};

use crate::checks::codec::packed;
use crate::checks::decode::{Seen, see};
use crate::checks::framing::Packed;
use crate::checks::lines::kind;
use crate::checks::reading::Dripping;
use crate::codecs::steps;

const CODECS: [Codec; 6] =
    [Codec::None, Codec::Zstd, Codec::Lz4, Codec::Snappy, Codec::Lzf, Codec::Gzip];

/// A line and what is in it.
#[derive(Debug, PartialEq)]
struct Entry {
    number: u64,
    offset: u64,
    complete: bool,
    text: Vec<u8>,
    seen: Result<Seen, DecodeError>,
}

/// All that a log gives, and the error that ends it.
fn entries(input: impl Read) -> (Vec<Entry>, Option<ErrorKind>) {
    let mut lines = Lines::new(input, 1 << 20);
    let mut decoder = Decoder::default();
    let mut entries = Vec::new();
    while let Some(line) = lines.next_line() {
        let mut line = match line {
            Ok(line) => line,
            Err(error) => return (entries, Some(kind(&error))),
        };
        let (number, offset, complete) = (line.number, line.offset, line.complete);
        let text = line.bytes().to_vec();
        let seen = see(&mut decoder, &mut line);
        entries.push(Entry { number, offset, complete, text, seen });
    }
    (entries, None)
}

/// What Spark writes, and what must not matter to the lines around it.
fn line() -> impl Strategy<Value = String> {
    let event = ("[A-D]", any::<String>(), any::<i64>(), 0..200_usize).prop_map(
        |(class, text, number, times)| {
            let text = serde_json::to_string(&text.repeat(times)).expect("any string is JSON");
            let event = format!("SparkListener{class}");
            format!(r#"{{"Event":"{event}","Stage ID":{number},"a":[{{"b":{text}}},{text}]}}"#)
        },
    );
    prop_oneof![4 => event, 1 => "[ -~]{0,20}", 1 => "[ \t]{0,3}"]
}

fn log() -> impl Strategy<Value = String> {
    let lines = vec((line(), select(&["\n", "\r\n"][..])), 0..12);
    (lines, line()).prop_map(|(lines, last)| {
        let lines: Vec<_> = lines.into_iter().map(|(line, end)| line + end).collect();
        lines.concat() + &last
    })
}

fn packed_log() -> impl Strategy<Value = Packed> {
    (select(&CODECS[..]), log(), vec(1_usize..5_000, 1..4))
        .prop_map(|(codec, log, sizes)| packed(codec, log.as_bytes(), &sizes))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_split_gives_the_same_events(packed in packed_log(), steps in steps(0)) {
        let reader = Dripping::new(&packed.bytes, &steps);
        let split = entries(open(packed.codec, reader).expect("nothing fails"));
        prop_assert_eq!(split, entries(&packed.plain[..]));
    }

    #[test]
    fn any_cut_loses_only_what_was_cut(packed in packed_log(), cut: Index) {
        let cut = cut.index(packed.bytes.len() + 1);
        let last = packed.ends.iter().rfind(|end| end.packed <= cut).expect("the first end is 0");
        let (known, is_told) = match packed.codec {
            Codec::None => (cut, false),
            _ => (last.plain, last.packed < cut || !last.is_whole),
        };
        let (all, _) = entries(&packed.plain[..]);
        let input = open(packed.codec, &packed.bytes[..cut]).expect("a slice can be read");
        let (mut some, error) = entries(input);
        prop_assert_eq!(error, is_told.then_some(ErrorKind::UnexpectedEof));

        let incomplete = some.pop_if(|entry| !entry.complete);
        prop_assert_eq!(&some[..], &all[..some.len()]);
        let ends_before = |entry: &&Entry| {
            entry.complete && entry.offset + (entry.text.len() as u64) < known as u64
        };
        prop_assert!(some.len() >= all.iter().filter(ends_before).count());
        if let Some(entry) = incomplete {
            let uncut = all.get(some.len()).expect("it is there when nothing is cut");
            prop_assert_eq!((entry.number, entry.offset), (uncut.number, uncut.offset));
            prop_assert!(uncut.text.starts_with(&entry.text));
        }
    }
}
