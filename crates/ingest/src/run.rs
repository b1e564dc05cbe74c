//! A run: every segment that the ledger does not have, read, stored and committed.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rayon::ThreadPoolBuilder;
use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};
use stagelight_lake::{DataFile, Ingested, Lake, LakeError, StoredFile};
use thiserror::Error;
use tokio::sync::mpsc;

use crate::discover::{Discovery, Segment};
use crate::report::{Progress, Report};
use crate::segment::{self, Outcome, SegmentError};

/// Finished files that wait to be stored, at most: they are what holds memory.
const FILES_WAITING: usize = 4;
/// As many problems are told one by one.
const PROBLEMS_TOLD: usize = 20;

/// How a run goes.
#[derive(Clone, Debug)]
pub struct Options {
    /// Threads that decode.
    pub threads: NonZeroUsize,
    /// A line that is longer goes to quarantine.
    pub max_line_bytes: usize,
    /// A group of segments is committed when it has so many segments,
    pub commit_segments: usize,
    /// or when its first segment has waited so long.
    pub commit_after: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            max_line_bytes: 64 << 20,
            commit_segments: 256,
            commit_after: Duration::from_secs(30),
        }
    }
}

/// Why a run could not go on.
#[derive(Debug, Error)]
pub enum IngestError {
    /// The lake cannot be written.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// The threads that decode cannot be started.
    #[error("starting threads: {0}")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// A thread that decodes has panicked: a defect.
    #[error("decoding stopped unexpectedly")]
    Panicked,
}

/// Reads into `lake` what of `discovery` it does not have.
///
/// # Errors
///
/// [`IngestError`] where the lake cannot be written. What was committed before that stays, and
/// another run goes on from there.
pub async fn ingest(
    lake: &Lake,
    discovery: Discovery,
    options: &Options,
    progress: Arc<Progress>,
) -> Result<Report, IngestError> {
    let started = Instant::now();
    let ledger = lake.ledger().await?;
    let found = discovery.segments.len();
    let todo: Vec<Segment> =
        discovery.segments.into_iter().filter(|segment| !ledger.has(&segment.source)).collect();
    let mut run = Run {
        lake,
        options,
        group: Group::default(),
        stored: HashMap::new(),
        report: Report {
            logs: discovery.logs,
            segments: found,
            already_in: found - todo.len(),
            skipped: discovery.skipped,
            ..Default::default()
        },
    };
    for (source, display, problem) in discovery.problems {
        let mut file = None;
        let mut keep = |finished| {
            file = Some(finished);
            Ok(())
        };
        let ingested = segment::quarantine_only(source, &display, &problem, &mut keep)?;
        let stored = match file {
            Some(file) => vec![lake.put(file).await?],
            None => Vec::new(),
        };
        progress.add_quarantined(1);
        run.report.problem(display, problem);
        run.group.segments.push(Ingested { files: stored, ..ingested });
    }
    run.segments(todo, Arc::clone(&progress)).await?;
    run.commit().await?;

    let mut report = run.report;
    report.events = progress.events();
    report.rows = progress.rows();
    report.bytes = progress.bytes();
    report.bytes_uncompressed = progress.bytes_uncompressed();
    report.quarantined = progress.quarantined();
    report.elapsed = started.elapsed();
    Ok(report)
}

enum Message {
    File(usize, DataFile),
    Done(usize, Box<Outcome>),
    Failed(SegmentError),
}

struct Run<'a> {
    lake: &'a Lake,
    options: &'a Options,
    group: Group,
    /// Files of segments that are not done.
    stored: HashMap<usize, Vec<StoredFile>>,
    report: Report,
}

/// Segments that wait to be committed together.
#[derive(Default)]
struct Group {
    segments: Vec<Ingested>,
    since: Option<Instant>,
}

impl Run<'_> {
    async fn segments(
        &mut self,
        todo: Vec<Segment>,
        progress: Arc<Progress>,
    ) -> Result<(), IngestError> {
        let names: Vec<String> = todo.iter().map(|segment| segment.display.clone()).collect();
        let pool = ThreadPoolBuilder::new()
            .num_threads(self.options.threads.get())
            .thread_name(|n| format!("decode-{n}"))
            .build()?;
        let max_line_bytes = self.options.max_line_bytes;
        let (sender, mut messages) = mpsc::channel(FILES_WAITING);
        let decoding = tokio::task::spawn_blocking(move || {
            pool.install(|| {
                todo.into_par_iter().enumerate().with_max_len(1).for_each(|(n, segment)| {
                    decode(n, &segment, max_line_bytes, &progress, &sender);
                });
            });
        });
        while let Some(message) = messages.recv().await {
            match message {
                Message::File(n, file) => {
                    let stored = self.lake.put(file).await?;
                    self.stored.entry(n).or_default().push(stored);
                }
                Message::Done(n, outcome) => {
                    self.done(&names[n], *outcome, n);
                    if self.group.is_full(self.options) {
                        self.commit().await?;
                    }
                }
                Message::Failed(SegmentError::Lake(error)) => return Err(error.into()),
                Message::Failed(SegmentError::Stopped) => {}
            }
        }
        decoding.await.map_err(|_| IngestError::Panicked)
    }

    fn done(&mut self, name: &str, outcome: Outcome, n: usize) {
        if let Some(problem) = outcome.problem {
            self.report.problem(name.to_owned(), problem);
        }
        let files = self.stored.remove(&n).unwrap_or_default();
        let ingested = Ingested { files, ..outcome.ingested };
        self.group.since.get_or_insert_with(Instant::now);
        self.group.segments.push(ingested);
    }

    async fn commit(&mut self) -> Result<(), IngestError> {
        let group = std::mem::take(&mut self.group);
        Ok(self.lake.commit(group.segments).await?)
    }
}

impl Group {
    fn is_full(&self, options: &Options) -> bool {
        self.segments.len() >= options.commit_segments
            || self.since.is_some_and(|since| since.elapsed() >= options.commit_after)
    }
}

impl Report {
    fn problem(&mut self, name: String, problem: crate::Problem) {
        if self.problems.len() < PROBLEMS_TOLD {
            self.problems.push((name, problem));
        }
    }
}

/// Reads one segment on a decoding thread. A closed channel means that nobody wants it any more.
fn decode(
    n: usize,
    segment: &Segment,
    max_line_bytes: usize,
    progress: &Progress,
    sender: &mpsc::Sender<Message>,
) {
    if sender.is_closed() {
        return;
    }
    let mut sink =
        |file| sender.blocking_send(Message::File(n, file)).map_err(|_| SegmentError::Stopped);
    let message = match segment::read(segment, max_line_bytes, progress, &mut sink) {
        Ok(outcome) => Message::Done(n, Box::new(outcome)),
        Err(error) => Message::Failed(error),
    };
    // The receiver is gone only when the run has failed already.
    let _ = sender.blocking_send(message);
}
