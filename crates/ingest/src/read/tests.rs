use std::fs;
use std::io::Write;
use std::path::Path;

use super::*;
use crate::discover::discover;

const EVENTS: [&str; 3] = [
    r#"{"Event":"SparkListenerApplicationStart","App Name":"a","App ID":"local-1","Timestamp":1,"User":"u"}"#,
    r#"{"Event":"SparkListenerJobEnd","Job ID":0,"Completion Time":2,"Job Result":{"Result":"JobSucceeded"}}"#,
    r#"{"Event":"SparkListenerApplicationEnd","Timestamp":3}"#,
];

fn find(file: &Path) -> Segment {
    discover(&[file.to_owned()]).segments.pop().expect("a segment")
}

fn read_found(segment: Segment) -> Result<Outcome, ReadError> {
    let progress = Arc::default();
    let reader = Reader { opener: Opener::new(None), max_line_bytes: 1 << 20, progress };
    read(&reader, segment, None, &mut |_| Ok(()))
}

#[tokio::test]
async fn what_a_file_has_when_it_is_opened_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("local-1.inprogress");
    fs::write(&file, format!("{}\n{}", EVENTS[0], &EVENTS[1][..20])).expect("a file");
    let found = find(&file);
    let first = found.source.clone();

    let mut growing = fs::OpenOptions::new().append(true).open(&file).expect("the file");
    write!(growing, "{}\n{}\n", &EVENTS[1][20..], EVENTS[2]).expect("it grows");
    let outcome = read_found(found).expect("it is read");
    assert_eq!(outcome.ingested.events, 3);
    assert_eq!(outcome.ingested.source, find(&file).source, "the rows are those of this version");
    assert_ne!(outcome.ingested.source, first);
    assert_eq!(outcome.problem, None);

    let found = find(&file);
    let other = folder.path().join("other");
    fs::write(&other, EVENTS[0]).expect("a file");
    fs::rename(&other, &file).expect("it is replaced");
    let outcome = read_found(found).expect("it is read");
    assert_eq!((outcome.ingested.events, outcome.ingested.size), (1, EVENTS[0].len() as u64));
    assert_eq!(outcome.ingested.source, find(&file).source);
}

#[tokio::test]
async fn a_file_that_is_gone_is_no_segment() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("local-1");
    fs::write(&file, EVENTS[0]).expect("a file");
    let found = find(&file);
    fs::remove_file(&file).expect("it is removed");
    let gone = read_found(found).err();
    assert!(matches!(gone, Some(ReadError::Object(ObjectError::Gone))), "{gone:?}");
}
