//! One segment: from its file to the files of the lake.

use std::fs::File;
use std::io::{self, Read, Take};

use chrono::DateTime;
use stagelight_eventlog::{Codec, Identity, LineError, Lines, event_class, open};
use stagelight_lake::{DataFile, Ingested, LakeError, Layout, SegmentWriter, SourceId};
use stagelight_tables::{QUARANTINE, Rejection, Rows};

use crate::discover::{Log, Segment};
use crate::quarantine::{Place, Problem, Quarantine, RAW_BYTES};
use crate::report::Progress;

/// A file of which so many lines are no event is no event log.
const HOPELESS_LINES: usize = 100;

/// ApplicationStart stands behind EnvironmentUpdate; it is not searched further than this.
const HEAD_BYTES: u64 = 16 << 20;

/// What became of a segment.
pub(crate) struct Outcome {
    /// For the ledger.
    pub(crate) ingested: Ingested,
    /// The first problem, if there was one.
    pub(crate) problem: Option<Problem>,
}

/// Why reading a segment must stop the run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SegmentError {
    /// The lake's files cannot be made.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// Nobody takes the files any more: the run is over.
    #[error("the run was stopped")]
    Stopped,
}

/// Reads `segment` and hands its files to `sink` as they are finished.
pub(crate) fn read(
    segment: &Segment,
    max_line_bytes: usize,
    progress: &Progress,
    sink: &mut dyn FnMut(DataFile) -> Result<(), SegmentError>,
) -> Result<Outcome, SegmentError> {
    let identity = segment.log.identity.get_or_init(|| identify(&segment.log, max_line_bytes));
    let index = i64::try_from(segment.index).unwrap_or(i64::MAX);
    let mut reading = Reading {
        rows: Rows::new(identity, index),
        quarantine: Quarantine::new(&segment.source, &segment.display, identity, index),
        writer: SegmentWriter::new(segment.source.clone(), &identity.app_id, sink),
        progress,
        events: 0,
        made: 0,
        codec: segment.codec,
        bytes_uncompressed: 0,
        first: None,
        may_pass: false,
        is_log: false,
        hold: Vec::new(),
    };
    reading.segment(segment, max_line_bytes)?;
    reading.finish(segment, identity.clone(), index)
}

struct Reading<'a> {
    rows: Rows,
    quarantine: Quarantine<'a>,
    writer: SegmentWriter<'a, SegmentError>,
    progress: &'a Progress,
    events: u64,
    made: u64,
    /// As its name says, then as its bytes do.
    codec: Codec,
    bytes_uncompressed: u64,
    first: Option<Problem>,
    /// Whether reading the same bytes another time may give more.
    may_pass: bool,
    /// Whether some line was an event.
    is_log: bool,
    /// Bad lines before the first event: one row if none follows.
    hold: Vec<(Problem, (u64, u64), Vec<u8>)>,
}

impl Reading<'_> {
    fn segment(&mut self, segment: &Segment, max_line_bytes: usize) -> Result<(), SegmentError> {
        if segment.size == 0 {
            self.whole_file(Problem::Empty);
            return Ok(());
        }
        let file = match File::open(&segment.path) {
            // The bytes that were found, whatever is written behind them meanwhile.
            Ok(file) => Counted { file: file.take(segment.size), progress: self.progress },
            Err(error) => {
                self.whole_file(Problem::Unreadable(error.to_string()));
                return Ok(());
            }
        };
        let input = match open(segment.codec, file) {
            Ok(input) => input,
            Err(error) => {
                self.whole_file(Problem::Unreadable(error.to_string()));
                return Ok(());
            }
        };
        self.codec = input.codec();
        let mut lines = Lines::new(input, max_line_bytes);
        self.lines(&mut lines)?;
        self.bytes_uncompressed = lines.offset();
        self.progress.add_bytes_uncompressed(lines.offset());
        Ok(())
    }

    fn lines(&mut self, lines: &mut Lines<impl Read>) -> Result<(), SegmentError> {
        while let Some(line) = lines.next_line() {
            match line {
                Ok(mut line) => match self.rows.push(&mut line) {
                    Ok(rows) => {
                        self.events += 1;
                        self.made += rows;
                        self.is_log();
                    }
                    Err(rejection) => {
                        let problem = Problem::from_line(&rejection, line.complete);
                        let place = (line.number, line.offset);
                        if matches!(rejection, Rejection::Row(_)) {
                            // Spark wrote it, though not all of it can be a row.
                            self.is_log();
                        }
                        let raw = self.rows.raw(&line);
                        if self.is_log {
                            self.quarantine.add(&problem, Place { line: Some(place), raw });
                            self.first.get_or_insert(problem);
                        } else {
                            let raw = raw[..raw.len().min(RAW_BYTES)].to_vec();
                            self.hold.push((problem, place, raw));
                            if self.hold.len() >= HOPELESS_LINES {
                                return Ok(());
                            }
                        }
                    }
                },
                Err(error) => {
                    let place = match error {
                        LineError::TooLong { number, offset, .. } => Some((number, offset)),
                        _ => None,
                    };
                    self.note(Problem::from_stream(&error), Place { line: place, raw: &[] });
                }
            }
            for (table, batch) in self.rows.full() {
                self.writer.write(table, &batch)?;
            }
            if self.quarantine.builder.is_full() {
                self.writer.write(QUARANTINE, &self.quarantine.builder.take())?;
            }
        }
        Ok(())
    }

    /// The file is an event log: bad lines before this one go to quarantine one by one.
    fn is_log(&mut self) {
        self.is_log = true;
        for (problem, place, raw) in self.hold.drain(..) {
            self.quarantine.add(&problem, Place { line: Some(place), raw: &raw });
            self.first.get_or_insert(problem);
        }
    }

    fn whole_file(&mut self, problem: Problem) {
        self.note(problem, Place::default());
    }

    fn note(&mut self, problem: Problem, place: Place<'_>) {
        self.quarantine.add(&problem, place);
        self.may_pass |= problem.may_pass();
        self.first.get_or_insert(problem);
    }

    fn finish(
        mut self,
        segment: &Segment,
        identity: Identity,
        index: i64,
    ) -> Result<Outcome, SegmentError> {
        if let [(Problem::TruncatedLine(_), ..)] = &self.hold[..] {
            // A log that was cut in its first line is still a log.
            self.is_log();
        }
        if let Some((problem, (number, _), _)) = self.hold.first() {
            let detail = format!("no event in it; line {number}: {}", problem.detail());
            self.whole_file(Problem::NotAnEventLog(detail));
        }
        if self.may_pass {
            self.writer.unread();
        }
        for (table, batch) in self.rows.rest() {
            self.writer.write(table, &batch)?;
        }
        if self.quarantine.builder.rows() > 0 {
            self.writer.write(QUARANTINE, &self.quarantine.builder.take())?;
        }
        let source = self.writer.source().clone();
        self.writer.finish()?;
        self.progress.add_segments(1);
        self.progress.add_events(self.events);
        self.progress.add_rows(self.made);
        self.progress.add_quarantined(self.quarantine.rows);
        Ok(Outcome {
            problem: self.first,
            ingested: Ingested {
                source,
                modified: segment.modified,
                identity,
                segment: index,
                layout: segment.layout,
                codec: self.codec.as_str(),
                size: segment.size,
                bytes_uncompressed: self.bytes_uncompressed,
                events: self.events,
                rows: self.made,
                quarantined: self.quarantine.rows,
                last_event_ms: self.rows.last_event_ms(),
                files: Vec::new(),
            },
        })
    }
}

/// Rows for a place where no segment could be found; there may be some another time.
pub(crate) fn quarantine_only(
    source: SourceId,
    display: &str,
    problem: &Problem,
    sink: &mut dyn FnMut(DataFile) -> Result<(), LakeError>,
) -> Result<Ingested, LakeError> {
    let identity = Identity { app_id: String::new(), attempt_id: None };
    let source = source.unread();
    let mut quarantine = Quarantine::new(&source, display, &identity, 0);
    quarantine.add(problem, Place::default());
    let mut writer = SegmentWriter::new(source.clone(), "", sink);
    writer.write(QUARANTINE, &quarantine.builder.take())?;
    writer.finish()?;
    Ok(Ingested {
        source,
        modified: DateTime::UNIX_EPOCH,
        identity,
        segment: 0,
        layout: Layout::Single,
        codec: Codec::None.as_str(),
        size: 0,
        bytes_uncompressed: 0,
        events: 0,
        rows: 0,
        quarantined: 1,
        last_event_ms: None,
        files: Vec::new(),
    })
}

/// Which application attempt a log is of: as ApplicationStart says, else as its name does.
fn identify(log: &Log, max_line_bytes: usize) -> Identity {
    let named = Identity::from_name(&log.name);
    let Some((path, codec)) = &log.first else { return named };
    let Ok(file) = File::open(path) else { return named };
    let Ok(input) = open(*codec, file) else { return named };
    let mut lines = Lines::new(input.take(HEAD_BYTES), max_line_bytes);
    let mut bad = 0;
    while let Some(Ok(mut line)) = lines.next_line() {
        match event_class(line.bytes()) {
            Some("SparkListenerApplicationStart") => {
                return Identity::from_application_start(&mut line).unwrap_or(named);
            }
            Some("SparkListenerJobStart" | "SparkListenerTaskStart" | "SparkListenerTaskEnd") => {
                return named;
            }
            Some(_) => {}
            None => bad += 1,
        }
        if bad >= HOPELESS_LINES {
            return named;
        }
    }
    named
}

/// A file whose bytes are counted as they are read.
struct Counted<'a> {
    file: Take<File>,
    progress: &'a Progress,
}

impl Read for Counted<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(out)?;
        self.progress.add_bytes(read as u64);
        Ok(read)
    }
}
