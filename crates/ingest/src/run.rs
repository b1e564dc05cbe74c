//! A run: every segment that the ledger does not have, read, stored and committed.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use futures::StreamExt;
use futures::stream::BoxStream;
use stagelight_lake::{Lake, LakeError, Ledger, SourceId};
use thiserror::Error;
use tokio::task::JoinSet;

use crate::discover::Discovery;
use crate::group::{Group, GroupLimits};
use crate::listing::Discoveries;
use crate::objects::ObjectError;
use crate::pipeline::Pipeline;
use crate::quarantine::Problem;
use crate::read::{Outcome, ReadError, Unread};
use crate::report::{Progress, Report};
use crate::retry;
use crate::segment::Segment;

/// As many problems are told one by one.
const PROBLEMS_TOLD: usize = 20;

/// How a run goes.
#[derive(Clone, Debug)]
pub struct Options {
    /// Threads that decode.
    pub threads: NonZeroUsize,
    /// A line that is longer goes to quarantine.
    pub max_line_bytes: usize,
    /// When what was read is committed.
    pub commit: GroupLimits,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            max_line_bytes: 64 << 20,
            commit: GroupLimits::default(),
        }
    }
}

/// Why a run could not go on.
#[derive(Debug, Error)]
pub enum IngestError {
    /// The lake cannot be written.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// A bucket cannot be listed.
    #[error("listing {0}")]
    Listing(ObjectError),
    /// The threads that decode cannot be started.
    #[error("starting threads: {0}")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// A thread that decodes has panicked: a defect.
    #[error("decoding stopped unexpectedly")]
    Panicked,
}

/// Reads into `lake` what is found and it does not have.
///
/// # Errors
///
/// [`IngestError`] where the lake cannot be written, or a bucket not be listed. What was committed
/// before that stays, and another run goes on from there.
pub async fn ingest(
    lake: &Arc<Lake>,
    found: impl Into<Discoveries>,
    options: &Options,
    progress: Arc<Progress>,
) -> Result<Report, IngestError> {
    let started = Instant::now();
    let before = Counts::of(&progress);
    let Discoveries { objects, stream } = found.into();
    let pipeline = Pipeline::new(
        Arc::clone(lake),
        objects,
        options.threads,
        options.max_line_bytes,
        Arc::clone(&progress),
    )?;
    let mut run = Run {
        lake,
        ledger: retry::lake(|| lake.ledger()).await?,
        pipeline: Arc::new(pipeline),
        todo: VecDeque::new(),
        reading: JoinSet::new(),
        group: Group::new(options.commit),
        report: Report::default(),
        progress: &progress,
    };
    // One more than there are threads: its first bytes are there when a thread is free.
    let result = run.segments(stream, options.threads.get() + 1).await;
    // What was read until the listing failed is in.
    if matches!(result, Ok(()) | Err(IngestError::Listing(_))) {
        run.commit().await?;
    }
    result?;

    let mut report = run.report;
    before.report(&progress, &mut report);
    report.elapsed = started.elapsed();
    Ok(report)
}

/// What `progress` had counted before a run.
struct Counts([u64; 5]);

impl Counts {
    fn of(progress: &Progress) -> Self {
        Self([
            progress.events(),
            progress.rows(),
            progress.bytes(),
            progress.bytes_uncompressed(),
            progress.quarantined(),
        ])
    }

    fn report(&self, progress: &Progress, report: &mut Report) {
        let Self(now) = Self::of(progress);
        let [events, rows, bytes, bytes_uncompressed, quarantined] =
            std::array::from_fn(|at| now[at] - self.0[at]);
        report.events = events;
        report.rows = rows;
        report.bytes = bytes;
        report.bytes_uncompressed = bytes_uncompressed;
        report.quarantined = quarantined;
    }
}

struct Run<'a> {
    lake: &'a Lake,
    ledger: Ledger,
    pipeline: Arc<Pipeline>,
    /// Segments that are found, and not read yet.
    todo: VecDeque<Segment>,
    reading: JoinSet<(SourceId, String, Result<Outcome, ReadError>)>,
    group: Group,
    report: Report,
    progress: &'a Progress,
}

impl Run<'_> {
    /// Reads `at_once` segments side by side; finds more while it does.
    async fn segments(
        &mut self,
        mut found: BoxStream<'static, Result<Discovery, ObjectError>>,
        at_once: usize,
    ) -> Result<(), IngestError> {
        let mut all_found = Ok(false);
        loop {
            while self.reading.len() < at_once
                && let Some(segment) = self.todo.pop_front()
            {
                self.begin(segment);
            }
            let find = all_found == Ok(false) && self.todo.len() < at_once;
            if !find && self.reading.is_empty() {
                return all_found.map(|_| ()).map_err(IngestError::Listing);
            }
            tokio::select! {
                Some(read) = self.reading.join_next() => {
                    let (source, display, result) = read.map_err(|_| IngestError::Panicked)?;
                    self.read(source, display, result).await?;
                }
                next = found.next(), if find => match next {
                    Some(Ok(discovery)) => self.found(discovery).await?,
                    Some(Err(error)) => all_found = Err(error),
                    None => all_found = Ok(true),
                },
            }
            if self.group.is_full() {
                self.commit().await?;
            }
        }
    }

    async fn found(&mut self, discovery: Discovery) -> Result<(), IngestError> {
        self.report.logs += discovery.logs;
        self.report.skipped += discovery.skipped;
        self.report.segments += discovery.segments.len();
        for segment in discovery.segments {
            if self.ledger.has(&segment.source) {
                self.report.already_in += 1;
            } else {
                self.progress.add_bytes_found(segment.size);
                self.todo.push_back(segment);
            }
        }
        for (source, display, problem) in discovery.problems {
            self.unread(Unread { source, display, problem, raw: String::new() }).await?;
        }
        Ok(())
    }

    fn begin(&mut self, segment: Segment) {
        let pipeline = Arc::clone(&self.pipeline);
        self.reading.spawn(async move {
            let (source, display) = (segment.source.clone(), segment.display.clone());
            (source, display, pipeline.read(segment).await)
        });
    }

    async fn read(
        &mut self,
        source: SourceId,
        display: String,
        result: Result<Outcome, ReadError>,
    ) -> Result<(), IngestError> {
        match result {
            Ok(outcome) => self.done(display, outcome),
            Err(error @ (ReadError::Panicked | ReadError::Lake(LakeError::Encode { .. }))) => {
                let problem = Problem::Defect(error.to_string());
                self.unread(Unread { source, display, problem, raw: String::new() }).await?;
            }
            Err(ReadError::Lake(error)) => return Err(error.into()),
            Err(ReadError::Stopped) => {}
            Err(ReadError::Object(error)) => {
                let problem = Problem::Unreadable(error.to_string());
                self.unread(Unread { source, display, problem, raw: String::new() }).await?;
            }
        }
        Ok(())
    }

    fn done(&mut self, name: String, outcome: Outcome) {
        if let Some(problem) = outcome.problem {
            self.report.problem(name, problem);
        }
        self.group.push(outcome.ingested);
    }

    async fn unread(&mut self, unread: Unread) -> Result<(), IngestError> {
        let ingested = unread.keep(self.lake).await?;
        self.progress.add_quarantined(1);
        self.report.problem(unread.display, unread.problem);
        self.group.push(ingested);
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), IngestError> {
        let group = self.group.take();
        retry::lake(|| self.lake.commit(group.clone())).await?;
        Ok(())
    }
}

impl Report {
    fn problem(&mut self, name: String, problem: Problem) {
        if self.problems.len() < PROBLEMS_TOLD {
            self.problems.push((name, problem));
        }
    }
}
