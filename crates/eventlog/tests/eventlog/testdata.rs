//! Every log in `testdata/logs`, as Spark wrote it.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use stagelight_eventlog::{Codec, Decoder, LineError, Lines, LogName, event_class, open};
use twox_hash::XxHash32;
use walkdir::WalkDir;

use crate::checks::reading::drain;

/// How many bytes the `CompressionCodec`s of Spark 4.0 unpack of a log, and their checksum. The end
/// of `killed-40` is cut.
const UNPACKED: [(&str, usize, u32); 5] = [
    (
        "executors-40/eventlog_v2_app-20261122182357-0000/events_1_app-20261122182357-0000.snappy",
        310_381,
        0x6412_6247,
    ),
    (
        "failure-40/eventlog_v2_local-1795372001160/events_1_local-1795372001160.lz4",
        378_626,
        0x2243_9fa6,
    ),
    ("inventory-single-35/local-1795371558768.zstd", 343_268, 0xf535_80d2),
    (
        "killed-40/eventlog_v2_local-1795371706860/events_1_local-1795371706860.zstd",
        1_103_838,
        0x11d3_352a,
    ),
    (
        "streaming-40/eventlog_v2_local-1795371807938/events_1_local-1795371807938.lzf",
        639_592,
        0x1e86_323e,
    ),
];

fn logs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/logs")
}

fn segments() -> Vec<(PathBuf, Codec)> {
    let name =
        |path: &Path| path.file_name().and_then(|name| name.to_str()).unwrap_or("").to_owned();
    WalkDir::new(logs())
        .sort_by_file_name()
        .into_iter()
        .map(|entry| entry.expect("testdata can be read").into_path())
        .filter(|path| path.is_file())
        .filter_map(|path| {
            let folder = path.parent().map(name).unwrap_or_default();
            match LogName::parse(&folder, &name(&path)) {
                LogName::Segment { codec, .. } => Some((path, codec)),
                _ => None,
            }
        })
        .collect()
}

#[test]
fn every_whole_line_is_an_event() {
    let mut codecs = BTreeSet::new();
    for (path, named) in segments() {
        let path = path.display();
        let file = File::open(path.to_string()).expect("testdata can be read");
        // Whatever its name says: the first bytes tell.
        let input = open(Codec::None, file).expect("testdata can be read");
        assert_eq!(input.codec(), named, "{path}");
        codecs.insert(named.as_str());
        let mut lines = Lines::new(input, 64 << 20);
        let mut decoder = Decoder::default();
        let mut events = 0;
        while let Some(line) = lines.next_line() {
            let mut line = match line {
                Ok(line) => line,
                // Its driver was killed, or had not ended.
                Err(LineError::Truncated(_)) => break,
                Err(error) => panic!("{path}: {error}"),
            };
            if line.complete {
                let number = line.number;
                assert!(event_class(line.bytes()).is_some(), "{path}:{number}");
                let read = decoder.decode(&mut line, |_| ());
                assert!(read.is_ok(), "{path}:{number}: {read:?}");
                events += 1;
            }
        }
        assert!(events > 0, "{path}");
    }
    assert_eq!(Vec::from_iter(codecs), ["lz4", "lzf", "none", "snappy", "zstd"]);
}

#[test]
fn what_sparks_readers_unpack_is_unpacked() {
    for (path, bytes, checksum) in UNPACKED {
        let file = File::open(logs().join(path)).expect("testdata can be read");
        let input = open(Codec::None, file).expect("testdata can be read");
        let (plain, _) = drain(input, &[1 << 16]);
        assert_eq!((plain.len(), XxHash32::oneshot(0, &plain)), (bytes, checksum), "{path}");
    }
}
