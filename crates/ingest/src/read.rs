//! One segment: from its bytes to the files of the lake.

use std::io::{self, Read};
use std::sync::Arc;

use chrono::DateTime;
use stagelight_eventlog::{Codec, Identity, LineError, Lines, event_class, open};
use stagelight_lake::{DataFile, Ingested, Lake, LakeError, Layout, SegmentWriter, SourceId};
use stagelight_tables::{QUARANTINE, Rejection, Rows};

use crate::objects::ObjectError;
use crate::opener::{OpenError, Opener, Source};
use crate::quarantine::{self, Problem, Quarantine, RAW_BYTES};
use crate::report::Progress;
use crate::segment::{Log, Place, Segment};

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

/// Why a segment could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// The lake's files cannot be made or stored.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// The object was not given whole.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// Decoding has panicked: a defect.
    #[error("decoding stopped unexpectedly")]
    Panicked,
    /// Nobody takes the files any more.
    #[error("nobody wants it any more")]
    Stopped,
}

/// What reading needs besides the segment.
pub(crate) struct Reader {
    pub(crate) opener: Opener,
    pub(crate) max_line_bytes: usize,
    pub(crate) progress: Arc<Progress>,
}

/// Reads `segment`, from `source` where that is open already, and hands its files to `sink` as they
/// are finished.
///
/// Of a file that has changed since it was found, what is there now is read, and stands in the
/// outcome as what it is.
pub(crate) fn read(
    reader: &Reader,
    mut segment: Segment,
    source: Option<Source>,
    sink: &mut dyn FnMut(DataFile) -> Result<(), ReadError>,
) -> Result<Outcome, ReadError> {
    let opened = match (source, &segment.place) {
        (Some(source), _) => Ok(Some(source)),
        (None, place @ Place::File(_)) => reader.opener.open(place).map(Some),
        // It has no bytes.
        (None, Place::Object(_)) => Ok(None),
    };
    if let Ok(Some(Source::File(file))) = &opened
        && let Ok(metadata) = file.metadata()
    {
        segment = segment.of_file(&metadata);
    }
    let segment = &segment;
    let identity = &identity(reader, &segment.log)?;
    let index = i64::try_from(segment.index).unwrap_or(i64::MAX);
    let mut reading = Reading {
        rows: Rows::new(identity, index),
        quarantine: Quarantine::new(&segment.source, &segment.display, identity, index),
        writer: SegmentWriter::new(segment.source.clone(), &identity.app_id, sink),
        progress: &reader.progress,
        events: 0,
        made: 0,
        codec: segment.codec,
        bytes_uncompressed: 0,
        first: None,
        may_pass: false,
        is_log: false,
        hold: Vec::new(),
    };
    reading.segment(reader, segment, opened)?;
    reading.finish(segment, identity.clone(), index)
}

struct Reading<'a> {
    rows: Rows,
    quarantine: Quarantine<'a>,
    writer: SegmentWriter<'a, ReadError>,
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
    fn segment(
        &mut self,
        reader: &Reader,
        segment: &Segment,
        opened: Result<Option<Source>, OpenError>,
    ) -> Result<(), ReadError> {
        let source = match opened {
            Ok(Some(source)) if segment.size > 0 => source,
            Ok(_) => {
                self.whole_file(Problem::Empty);
                return Ok(());
            }
            Err(OpenError::Object(error)) => return Err(error.into()),
            Err(OpenError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ObjectError::Gone.into());
            }
            Err(OpenError::Io(error)) => {
                self.whole_file(Problem::Unreadable(error.to_string()));
                return Ok(());
            }
        };
        let (file, failure) = (source.file(), source.failure());
        let counted = Counted { bytes: source.up_to(segment.size), progress: self.progress };
        match open(segment.codec, counted) {
            Ok(input) => {
                self.codec = input.codec();
                let mut lines = Lines::new(input, reader.max_line_bytes);
                self.lines(&mut lines)?;
                self.bytes_uncompressed = lines.offset();
            }
            Err(error) => self.whole_file(Problem::Unreadable(error.to_string())),
        }
        // What a codec makes of bytes that did not come says nothing of the segment.
        if let Some(error) = failure.as_ref().and_then(|failure| failure.get()) {
            return Err(error.clone().into());
        }
        // Whoever cuts a file begins it anew: what was read is neither the old nor the new one.
        if file.is_some_and(|file| file.metadata().is_ok_and(|now| now.len() < segment.size)) {
            self.whole_file(Problem::Unreadable("it became shorter while it was read".into()));
        }
        self.progress.add_bytes_uncompressed(self.bytes_uncompressed);
        Ok(())
    }

    fn lines(&mut self, lines: &mut Lines<impl Read>) -> Result<(), ReadError> {
        while let Some(line) = lines.next_line() {
            match line {
                Ok(mut line) => match self.rows.push(&mut line) {
                    Ok(rows) => {
                        self.events += 1;
                        self.made += rows;
                        self.is_log();
                    }
                    Err(rejection) => {
                        let raw = self.rows.raw(&line);
                        let problem = Problem::from_line(&rejection, raw, line.complete);
                        let place = (line.number, line.offset);
                        if matches!(rejection, Rejection::Row(_)) {
                            // Spark wrote it, though not all of it can be a row.
                            self.is_log();
                        }
                        let raw = self.rows.raw(&line);
                        if self.is_log {
                            self.quarantine
                                .add(&problem, quarantine::Place { line: Some(place), raw });
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
                    self.note(
                        Problem::from_stream(&error),
                        quarantine::Place { line: place, raw: &[] },
                    );
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
            self.quarantine.add(&problem, quarantine::Place { line: Some(place), raw: &raw });
            self.first.get_or_insert(problem);
        }
    }

    fn whole_file(&mut self, problem: Problem) {
        self.note(problem, quarantine::Place::default());
    }

    fn note(&mut self, problem: Problem, place: quarantine::Place<'_>) {
        self.quarantine.add(&problem, place);
        self.may_pass |= problem.may_pass();
        self.first.get_or_insert(problem);
    }

    fn finish(
        mut self,
        segment: &Segment,
        identity: Identity,
        index: i64,
    ) -> Result<Outcome, ReadError> {
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

/// Where no segment could be read; there may be one another time.
#[derive(Clone, Debug)]
pub(crate) struct Unread {
    pub(crate) source: SourceId,
    pub(crate) display: String,
    pub(crate) problem: Problem,
    /// What was there instead.
    pub(crate) raw: String,
}

impl Unread {
    /// Stores a row of the quarantine.
    pub(crate) async fn keep(&self, lake: &Lake) -> Result<Ingested, LakeError> {
        let identity = Identity { app_id: String::new(), attempt_id: None };
        let source = self.source.clone().unread();
        let mut files = Vec::new();
        for file in self.quarantined(&source, &identity)? {
            files.push(lake.put(file).await?);
        }
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
            files,
        })
    }

    fn quarantined(
        &self,
        source: &SourceId,
        identity: &Identity,
    ) -> Result<Vec<DataFile>, LakeError> {
        let mut quarantine = Quarantine::new(source, &self.display, identity, 0);
        quarantine.add(&self.problem, quarantine::Place { line: None, raw: self.raw.as_bytes() });
        let mut made = Vec::new();
        let mut sink = |file| {
            made.push(file);
            Ok::<_, LakeError>(())
        };
        let mut writer = SegmentWriter::new(source.clone(), "", &mut sink);
        writer.write(QUARANTINE, &quarantine.builder.take())?;
        writer.finish()?;
        Ok(made)
    }
}

/// Which application attempt a log is of: as ApplicationStart says, else as its name does.
fn identity(reader: &Reader, log: &Log) -> Result<Identity, ReadError> {
    if let Some(identity) = log.identity.get() {
        return Ok(identity.clone());
    }
    // What only the name says may be said better when more of the log is there.
    match started(reader, log)? {
        Some(identity) => Ok(log.identity.get_or_init(|| identity).clone()),
        None => Ok(Identity::from_name(&log.name)),
    }
}

/// What ApplicationStart says at the beginning of `log`, if it is there.
fn started(reader: &Reader, log: &Log) -> Result<Option<Identity>, ReadError> {
    let Some((place, codec)) = &log.first else { return Ok(None) };
    let source = match reader.opener.open(place) {
        Ok(source) => source,
        Err(OpenError::Object(error @ ObjectError::Failed(_))) => return Err(error.into()),
        Err(_) => return Ok(None),
    };
    let failure = source.failure();
    let identity = match open(*codec, source) {
        Ok(input) => application_start(Lines::new(input.take(HEAD_BYTES), reader.max_line_bytes)),
        Err(_) => None,
    };
    match failure.as_ref().and_then(|failure| failure.get()) {
        Some(error) if identity.is_none() => Err(error.clone().into()),
        _ => Ok(identity),
    }
}

fn application_start(mut lines: Lines<impl Read>) -> Option<Identity> {
    let mut bad = 0;
    while let Some(Ok(mut line)) = lines.next_line() {
        match event_class(line.bytes()) {
            Some("SparkListenerApplicationStart") => {
                return Identity::from_application_start(&mut line);
            }
            Some("SparkListenerJobStart" | "SparkListenerTaskStart" | "SparkListenerTaskEnd") => {
                return None;
            }
            Some(_) => {}
            None => bad += 1,
        }
        if bad >= HOPELESS_LINES {
            return None;
        }
    }
    None
}

/// Bytes that are counted as they are read.
struct Counted<'a, R> {
    bytes: R,
    progress: &'a Progress,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(out)?;
        self.progress.add_bytes(read as u64);
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
