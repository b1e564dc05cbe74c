//! Every log in `testdata/logs`, as Spark wrote it.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use stagelight_eventlog::{Codec, Decoder, LineError, Lines, LogName, event_class, open};
use walkdir::WalkDir;

fn segments() -> Vec<(PathBuf, Codec)> {
    let logs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/logs");
    let name =
        |path: &Path| path.file_name().and_then(|name| name.to_str()).unwrap_or("").to_owned();
    WalkDir::new(logs)
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
