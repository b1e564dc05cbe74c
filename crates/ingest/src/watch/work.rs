//! What a watch does at once: places that are looked at, segments that are read, a sweep.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use stagelight_lake::{Ingested, Lake, LakeError, Ledger, SourceId};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::discover::{Discovery, discover};
use crate::pipeline::Pipeline;
use crate::quarantine::Problem;
use crate::read::{ReadError, Unread};
use crate::segment::Segment;
use crate::watch::changes::{Change, Changes};
use crate::watch::folder::Folder;
use crate::watch::pace::SETTLE;
use crate::watch::renamed::forget_renamed;

/// What was done.
pub(super) enum Done {
    /// The whole folder was looked at, and the ledger.
    Swept { found: Discovery, ledger: Result<Ledger, LakeError>, took: Duration },
    /// A folder that has come was looked at.
    Came(Discovery),
    /// A place was looked at.
    Found { place: PathBuf, found: Discovery },
    /// A segment was read.
    Read { place: PathBuf, took: Duration, read: Result<Ingested, ReadError>, version: SourceId },
    /// It was kept that something cannot be looked at.
    Kept(Result<Ingested, LakeError>),
    /// Changes of a folder are told from now on, or cannot be.
    Told { folder: Folder, changes: notify::Result<Changes> },
}

/// What is done side by side.
pub(super) struct Works {
    lake: Arc<Lake>,
    pipeline: Arc<Pipeline>,
    running: JoinSet<Done>,
    /// Places that are looked at.
    pub(super) looking: usize,
    /// Segments that are read.
    pub(super) reading: usize,
}

impl Works {
    pub(super) fn new(lake: Arc<Lake>, pipeline: Pipeline) -> Self {
        let pipeline = Arc::new(pipeline);
        Self { lake, pipeline, running: JoinSet::new(), looking: 0, reading: 0 }
    }

    /// What is done next; `None` where nothing is under way, and nothing in it where it has
    /// panicked.
    pub(super) async fn next(&mut self) -> Option<Option<Done>> {
        let done = self.running.join_next().await?.ok();
        match &done {
            Some(Done::Found { .. }) => self.looking -= 1,
            Some(Done::Read { .. }) => self.reading -= 1,
            _ => {}
        }
        Some(done)
    }

    /// Has `sender` told of changes of `folder`.
    pub(super) fn tell(&mut self, folder: Folder, sender: mpsc::UnboundedSender<Change>) {
        self.running.spawn_blocking(move || {
            let changes = Changes::of(&folder.path, sender);
            Done::Told { folder, changes }
        });
    }

    /// Looks at the whole folder, and what the ledger has of it.
    pub(super) fn sweep(&mut self, folder: PathBuf) {
        let lake = Arc::clone(&self.lake);
        self.running.spawn(async move {
            let began = Instant::now();
            let found = look(&folder).await;
            let ledger = match lake.check().await {
                Ok(()) => lake.ledger().await,
                Err(error) => Err(error),
            };
            if let Ok(ledger) = &ledger {
                forget_renamed(&lake, ledger, &folder).await;
            }
            Done::Swept { found, ledger, took: began.elapsed() }
        });
    }

    /// Looks at a folder that has come, in a moment.
    pub(super) fn come(&mut self, folder: PathBuf) {
        self.running.spawn(async move {
            sleep(SETTLE).await;
            Done::Came(look(&folder).await)
        });
    }

    /// Looks at a place.
    pub(super) fn look(&mut self, place: PathBuf) {
        self.looking += 1;
        self.running.spawn(async move {
            let found = look(&place).await;
            Done::Found { place, found }
        });
    }

    /// Reads a segment of a place.
    pub(super) fn read(&mut self, place: PathBuf, segment: Segment) {
        self.reading += 1;
        let (pipeline, lake) = (Arc::clone(&self.pipeline), Arc::clone(&self.lake));
        self.running.spawn(read(pipeline, lake, place, segment));
    }

    /// Keeps in quarantine that something could not be looked at.
    pub(super) fn keep(&mut self, unread: Unread) {
        self.pipeline.count_kept();
        let lake = Arc::clone(&self.lake);
        self.running.spawn(async move { Done::Kept(unread.keep(&lake).await) });
    }
}

/// Finds what is at `path` and below.
async fn look(path: &Path) -> Discovery {
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || discover(&[path])).await.unwrap_or_default()
}

/// Reads `segment`, or keeps in quarantine that this program cannot.
async fn read(pipeline: Arc<Pipeline>, lake: Arc<Lake>, place: PathBuf, segment: Segment) -> Done {
    let began = Instant::now();
    let (found, display) = (segment.source.clone(), segment.display.clone());
    let (read, version) = match pipeline.read(segment).await {
        Ok(outcome) => {
            let version = outcome.ingested.source.clone();
            (Ok(outcome.ingested), version)
        }
        Err(error @ (ReadError::Panicked | ReadError::Lake(LakeError::Encode { .. }))) => {
            tracing::error!(segment = %found.uri, %error, "it goes to quarantine");
            let problem = Problem::Defect(error.to_string());
            let unread = Unread { source: found.clone(), display, problem, raw: String::new() };
            pipeline.count_kept();
            (unread.keep(&lake).await.map_err(ReadError::from), found)
        }
        Err(error) => (Err(error), found),
    };
    Done::Read { place, took: began.elapsed(), read, version }
}
