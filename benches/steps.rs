//! What each step of reading a log costs, in bytes of decompressed log per second.
//!
//! `cargo bench --workspace --bench steps` reads a log of `testdata`; `STAGELIGHT_LOG=FILE` another
//! segment.

use std::fs::File;
use std::hint::black_box;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use stagelight_eventlog::{Identity, Lines, LogName, Shapes, Wanted, event_class, open};
use stagelight_ingest::{Options, discover, ingest};
use stagelight_lake::{DataFile, Lake, LakeError, SegmentWriter, SourceId};
use stagelight_tables::{EVENTS, Rows, Table};

const LIMIT: usize = 64 << 20;

fn segment() -> PathBuf {
    std::env::var_os("STAGELIGHT_LOG").map_or_else(
        || {
            Path::new(env!("CARGO_MANIFEST_DIR")).join(
                "../testdata/logs/killed-40/eventlog_v2_local-1795371706860/\
                 events_1_local-1795371706860.zstd",
            )
        },
        PathBuf::from,
    )
}

fn unpacked(path: &Path) -> Vec<u8> {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let around = path.parent().map(name).unwrap_or_default();
    let LogName::Segment { codec, .. } = LogName::parse(&around, &name(path)) else {
        panic!("{} is no segment of a log", path.display());
    };
    let mut bytes = Vec::new();
    let file = File::open(path).expect("the segment is there");
    open(codec, file).expect("a codec").read_to_end(&mut bytes).expect("the segment is whole");
    bytes
}

fn identity() -> Identity {
    Identity { app_id: "app".to_owned(), attempt_id: None }
}

/// Reads every line into rows, and the rows into files where `write` does.
fn read(rows: &mut Rows, bytes: &[u8], mut write: impl FnMut(&mut Rows)) {
    let mut lines = Lines::new(bytes, LIMIT);
    while let Some(Ok(mut line)) = lines.next_line() {
        let _ = black_box(rows.push(&mut line));
        write(rows);
    }
}

fn encode(bytes: &[u8]) -> Vec<DataFile> {
    let mut files = Vec::new();
    let mut sink = |file| {
        files.push(file);
        Ok::<_, LakeError>(())
    };
    let source = SourceId { uri: "file:///log".to_owned(), etag: "1".to_owned() };
    let mut writer = SegmentWriter::new(source, "app", &mut sink);
    let mut rows = Rows::new(&identity(), 1);
    read(&mut rows, bytes, |rows| {
        for (table, batch) in rows.full() {
            writer.write(table, &batch).expect("rows can be encoded");
        }
    });
    for (table, batch) in rows.rest() {
        writer.write(table, &batch).expect("rows can be encoded");
    }
    writer.finish().expect("files can be finished");
    files
}

fn steps(criterion: &mut Criterion) {
    let path = segment();
    let bytes = unpacked(&path);
    let mut group = criterion.benchmark_group("steps");
    group.throughput(Throughput::Bytes(bytes.len() as u64)).sample_size(20);

    group.bench_function("decompress", |b| b.iter(|| unpacked(black_box(&path))));
    group.bench_function("split", |b| {
        b.iter(|| {
            let mut lines = Lines::new(&bytes[..], LIMIT);
            while let Some(line) = lines.next_line() {
                black_box(line.is_ok());
            }
        });
    });
    group.bench_function("route", |b| {
        b.iter(|| {
            let mut lines = Lines::new(&bytes[..], LIMIT);
            while let Some(Ok(line)) = lines.next_line() {
                black_box(event_class(line.bytes()));
            }
        });
    });

    let ends = "SparkListenerTaskEnd";
    let tables: Vec<&Table> =
        EVENTS.into_iter().filter(|table| table.events.contains(&ends)).collect();
    let layouts: Vec<_> =
        tables.iter().map(|table| (table.layout(), table.forms(), table.required())).collect();
    let wanted: Vec<_> = layouts
        .iter()
        .map(|(layout, forms, required)| Wanted { layout, forms, required })
        .collect();
    let of_ends: Vec<u8> = bytes
        .split_inclusive(|byte| *byte == b'\n')
        .filter(|line| event_class(line) == Some(ends))
        .flatten()
        .copied()
        .collect();
    let learn = || {
        let mut shapes = Shapes::default();
        let mut lines = Lines::new(&of_ends[..], LIMIT);
        for _ in 0..50 {
            let Some(Ok(line)) = lines.next_line() else { break };
            shapes.learn(line.bytes(), &wanted);
        }
        shapes
    };
    group.bench_function("learn", |b| b.iter(learn));
    let mut shapes = learn();
    let (mut lines, mut seen, mut found) = (Lines::new(&of_ends[..], LIMIT), 0, 0);
    while let Some(Ok(line)) = lines.next_line() {
        seen += 1;
        found += usize::from(shapes.find(&line).is_some());
    }
    assert!(found * 10 > seen * 8, "{found} of {seen} task ends have a shape that was learned");
    group.throughput(Throughput::Bytes(of_ends.len() as u64));
    group.bench_function("match", |b| {
        b.iter(|| {
            let mut lines = Lines::new(&of_ends[..], LIMIT);
            while let Some(Ok(line)) = lines.next_line() {
                black_box(shapes.find(&line).is_some());
            }
        });
    });

    group.throughput(Throughput::Bytes(bytes.len() as u64));
    let empty = |rows: &mut Rows| rows.full().for_each(drop);
    group.bench_function("fall back and append", |b| {
        b.iter(|| read(&mut Rows::unlearned(&identity(), 1), &bytes, empty));
    });
    group.bench_function("match and append", |b| {
        b.iter(|| read(&mut Rows::new(&identity(), 1), &bytes, empty));
    });
    group.bench_function("match, append and encode", |b| b.iter(|| encode(&bytes)));

    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    group.bench_function("ingest and commit", |b| {
        b.iter_batched(
            || tempfile::tempdir().expect("a folder"),
            |folder| {
                runtime.block_on(async {
                    let uri = folder.path().to_string_lossy().into_owned();
                    let lake = Arc::new(Lake::create(&uri).await.expect("a lake"));
                    let found = discover(std::slice::from_ref(&path));
                    ingest(&lake, found, &Options::default(), Default::default())
                        .await
                        .expect("the lake can be written")
                });
                folder
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, steps);
criterion_main!(benches);
