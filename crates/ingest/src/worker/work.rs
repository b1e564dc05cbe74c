//! What a worker does at once: segments that are read, and rows that are kept instead.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use stagelight_lake::{Ingested, Lake, SourceId};
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::sleep;

use crate::admission::Candidate;
use crate::logs::Logs;
use crate::objects::Objects;
use crate::pipeline::Pipeline;
use crate::read::{ReadError, Unread};
use crate::report::Progress;
use crate::segment::{Place, Segment};
use crate::worker::WorkerOptions;

/// Something to be done.
#[derive(Clone)]
pub(super) enum Task {
    /// To read a segment.
    Read(Candidate),
    /// To keep in quarantine that there is none.
    Keep(Unread),
}

/// What became of it.
pub(super) struct Done {
    /// What it was begun for.
    pub(super) source: SourceId,
    pub(super) task: Task,
    /// What the ledger is to have of it.
    pub(super) result: Result<Ingested, ReadError>,
}

/// What is done side by side.
pub(super) struct Works {
    shared: Arc<Shared>,
    slots: usize,
    running: JoinSet<Done>,
    /// What stops the work on a segment.
    aborts: HashMap<SourceId, AbortHandle>,
}

struct Shared {
    lake: Arc<Lake>,
    pipeline: Pipeline,
    logs: Logs,
    slots: Semaphore,
}

impl Works {
    pub(super) fn new(
        lake: Arc<Lake>,
        objects: Arc<dyn Objects>,
        options: &WorkerOptions,
        slots: usize,
        progress: Arc<Progress>,
    ) -> Result<Self, rayon::ThreadPoolBuildError> {
        let shared = Shared {
            pipeline: Pipeline::new(
                Arc::clone(&lake),
                Some(Arc::clone(&objects)),
                options.threads,
                options.max_line_bytes,
                progress,
            )?,
            logs: Logs::new(objects),
            slots: Semaphore::new(slots.min(Semaphore::MAX_PERMITS)),
            lake,
        };
        Ok(Self {
            shared: Arc::new(shared),
            slots,
            running: JoinSet::new(),
            aborts: HashMap::new(),
        })
    }

    /// How many more could be begun without waiting for others.
    pub(super) fn room(&self) -> usize {
        self.slots.saturating_sub(self.running.len())
    }

    pub(super) fn begin(&mut self, source: SourceId, task: Task) {
        self.begin_after(Duration::ZERO, source, task);
    }

    /// Begins after a `pause`, in which it has its place among those that are under way.
    pub(super) fn begin_after(&mut self, pause: Duration, source: SourceId, task: Task) {
        let shared = Arc::clone(&self.shared);
        let begun_for = source.clone();
        let abort = self.running.spawn(async move {
            sleep(pause).await;
            let result = match &task {
                Task::Read(candidate) => shared.read(candidate).await,
                Task::Keep(unread) => {
                    let kept = unread.keep(&shared.lake).await.map_err(ReadError::from);
                    kept.inspect(|_| shared.pipeline.count_kept())
                }
            };
            Done { source, task, result }
        });
        self.aborts.insert(begun_for, abort);
    }

    /// Stops the work on segments that nobody waits for. What is read already stays read.
    pub(super) fn stop(&mut self, unwanted: &[SourceId]) {
        unwanted
            .iter()
            .filter_map(|source| self.aborts.remove(source))
            .for_each(|work| work.abort());
    }

    /// What is done next; `None` where nothing is under way, and nothing in it where it has
    /// panicked: nobody knows what it was.
    pub(super) async fn next(&mut self) -> Option<Option<Done>> {
        loop {
            match self.running.join_next().await? {
                Ok(done) => {
                    self.aborts.remove(&done.source);
                    return Some(Some(done));
                }
                Err(error) if error.is_panic() => return Some(None),
                // What was stopped has no more to say.
                Err(_) => {}
            }
        }
    }
}

impl Shared {
    async fn read(&self, candidate: &Candidate) -> Result<Ingested, ReadError> {
        let _slot = self.slots.acquire().await.map_err(|_| ReadError::Stopped)?;
        let Candidate { address, named, display, size, modified, .. } = candidate;
        let segment = Segment {
            source: candidate.source(),
            place: Place::Object(address.clone()),
            display: display.clone(),
            size: *size,
            modified: *modified,
            index: named.index,
            layout: named.layout,
            codec: named.codec,
            log: self.logs.of(address, named).await?,
        };
        Ok(self.pipeline.read(segment).await?.ingested)
    }
}
