//! Following a folder: what Spark writes into it, into the lake, while it is written.
//!
//! Events of the file system say where something has changed, and a sweep of the whole folder now
//! and then finds what they have not told. Either way a place is discovered, what of it the ledger
//! does not have is read, and it is committed, as `ingest` does. A file that has grown is another
//! version of its address: the commit that adds it takes out the earlier one.

mod changes;
mod folder;
mod pace;
mod renamed;
mod work;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use stagelight_lake::{Ingested, Lake, LakeError, Ledger, MayPass, SourceId};
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout_at};
use url::Url;

use crate::commits::{Commit, Commits};
use crate::discover::Discovery;
use crate::group::GroupLimits;
use crate::health::Health;
use crate::objects::ObjectError;
use crate::pipeline::Pipeline;
use crate::quarantine::Problem;
use crate::read::{ReadError, Unread};
use crate::retry;
use crate::segment::{Place, Segment};
use crate::watch_metrics::WatchMetrics;
use changes::Change;
use folder::{Folder, Followed};
use pace::Places;
use renamed::{forget_renamed, in_progress, is_gone};
use work::{Done, Works};

/// So many places are looked at side by side.
const LOOKS: usize = 4;
/// How often to see whether the folder itself is still there.
const CHECK_EVERY: Duration = Duration::from_secs(1);
/// What could not be read for the lake's sake is read again as if it had taken so long.
const FAILED: Duration = Duration::from_secs(1);
/// Stopping may take so long; what is not read by then is read after the next start.
const DRAIN: Duration = Duration::from_secs(25);
/// A sweep waits for so many times what the last one took.
const SWEEP_REST: u32 = 10;

/// How a folder is followed.
#[derive(Clone, Debug)]
pub struct WatchOptions {
    /// Threads that decode.
    pub threads: NonZeroUsize,
    /// A line that is longer goes to quarantine.
    pub max_line_bytes: usize,
    /// When what was read is committed, while more is being read; else it is at once.
    pub commit: GroupLimits,
    /// How often the whole folder is looked at, for what no event has told.
    pub sweep_every: Duration,
}

impl Default for WatchOptions {
    fn default() -> Self {
        Self {
            threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            max_line_bytes: 64 << 20,
            commit: GroupLimits { age: Duration::from_millis(200), ..GroupLimits::default() },
            sweep_every: Duration::from_secs(30),
        }
    }
}

/// Why a folder is not followed any more.
#[derive(Debug, Error)]
pub enum WatchError {
    /// It was not there to begin with.
    #[error(
        "{} cannot be followed: {source}; name the folder that spark.eventLog.dir names, and make \
         it if it is not there yet", folder.display()
    )]
    Folder {
        /// As it was named.
        folder: PathBuf,
        /// What the file system says.
        source: io::Error,
    },
    /// The lake cannot be read or written.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// The threads that decode cannot be started.
    #[error("starting threads: {0}")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// A task has panicked: a defect.
    #[error("a part of the watch stopped unexpectedly")]
    Panicked,
}

/// A folder to be followed, and what others see of that.
#[derive(Debug)]
pub struct Watch {
    /// The folder.
    pub folder: PathBuf,
    /// How it is followed.
    pub options: WatchOptions,
    /// What that counts.
    pub metrics: Arc<WatchMetrics>,
    /// What stands in its way.
    pub health: Arc<Health>,
}

impl Watch {
    /// Whether the folder is there.
    ///
    /// # Errors
    ///
    /// [`WatchError::Folder`] where it is not.
    pub fn check(&self) -> Result<(), WatchError> {
        let missing = |source| WatchError::Folder { folder: self.folder.clone(), source };
        Folder::at(&self.folder).map(drop).map_err(missing)
    }

    /// Follows the folder until `stop` is done, and then until what is read is committed.
    ///
    /// # Errors
    ///
    /// [`WatchError`] where the folder is not there, or the lake cannot be written. A folder that
    /// goes away later is waited for.
    pub async fn run(
        self,
        lake: Arc<Lake>,
        stop: impl Future<Output = ()>,
    ) -> Result<(), WatchError> {
        let mut running = Running::start(self, lake).await?;
        let mut stop = pin!(stop);
        loop {
            running.begin_what_is_due();
            running.commits.begin_if_ready(running.is_reading());
            let wake = running.wake();
            tokio::select! {
                biased;
                () = &mut stop => return running.drain().await,
                commit = running.commits.next() => running.committed(commit)?,
                Some(done) = running.works.next() => running.done(done)?,
                // The sender is kept here, so that there is always one.
                Some(change) = running.changes.recv() => running.change(change),
                () = sleep_until(wake) => {}
            }
        }
    }
}

/// A place whose segments are read.
#[derive(Default)]
struct Reading {
    /// Those that are not committed yet.
    left: usize,
    took: Duration,
}

/// Where a segment is that was read, and when it was changed; `None` where its bytes were in before,
/// under another name.
type Changed = (PathBuf, Option<DateTime<Utc>>);

struct Running {
    watch: Watch,
    lake: Arc<Lake>,
    began: DateTime<Utc>,
    folder: Followed,
    check_due: Instant,
    sender: mpsc::UnboundedSender<Change>,
    changes: mpsc::UnboundedReceiver<Change>,
    sweep_due: Instant,
    /// Another sweep does not begin before that.
    sweep_rests: Instant,
    sweeping: bool,
    places: Places,
    readings: HashMap<PathBuf, Reading>,
    /// Segments that are found, and not read yet.
    todo: VecDeque<(PathBuf, Segment)>,
    works: Works,
    ledger: Ledger,
    /// By address, the version that was read last, where that ledger does not have it.
    read: HashMap<String, String>,
    commits: Commits<Changed>,
}

impl Running {
    async fn start(watch: Watch, lake: Arc<Lake>) -> Result<Self, WatchError> {
        watch.check()?;
        let options = &watch.options;
        let pipeline = Pipeline::new(
            Arc::clone(&lake),
            None,
            options.threads,
            options.max_line_bytes,
            Arc::clone(&watch.metrics.progress),
        )?;
        let ledger = retry::lake(|| lake.ledger()).await?;
        watch.health.good("lake");
        let (sender, changes) = mpsc::unbounded_channel();
        let now = Instant::now();
        Ok(Self {
            began: Utc::now(),
            folder: Followed::new(watch.folder.clone(), Arc::clone(&watch.health)),
            check_due: now,
            sender,
            changes,
            sweep_due: now,
            sweep_rests: now,
            sweeping: false,
            places: Places::default(),
            readings: HashMap::new(),
            todo: VecDeque::new(),
            works: Works::new(Arc::clone(&lake), pipeline),
            ledger,
            read: HashMap::new(),
            commits: Commits::new(Arc::clone(&lake), options.commit, Arc::clone(&watch.health)),
            lake,
            watch,
        })
    }

    fn begin_what_is_due(&mut self) {
        let now = Instant::now();
        if self.check_due <= now {
            self.check_due = now + CHECK_EVERY;
            if let Some(folder) = self.folder.check() {
                self.works.tell(folder, self.sender.clone());
            }
        }
        if self.sweep_due.max(self.sweep_rests) <= now && !self.sweeping {
            self.begin_sweep(now);
        }
        while self.may_look()
            && let Some(place) = self.places.take(now)
        {
            self.works.look(place);
        }
        while self.works.reading < self.at_once()
            && self.commits.has_room()
            && let Some((place, segment)) = self.todo.pop_front()
        {
            self.works.read(place, segment);
        }
    }

    /// So many segments are read side by side: the first bytes of one more are there when a thread
    /// is free.
    fn at_once(&self) -> usize {
        self.watch.options.threads.get() + 1
    }

    fn may_look(&self) -> bool {
        self.works.looking < LOOKS && self.todo.len() < self.at_once()
    }

    /// When something is due at the latest.
    fn wake(&self) -> Instant {
        let sweep = (!self.sweeping).then(|| self.sweep_due.max(self.sweep_rests));
        let look = self.places.next().filter(|_| self.may_look());
        [sweep, look, self.commits.due()].into_iter().flatten().fold(self.check_due, Instant::min)
    }

    fn begin_sweep(&mut self, now: Instant) {
        self.sweep_due = now + self.watch.options.sweep_every;
        let Some(folder) = self.folder.now() else { return };
        self.sweeping = true;
        self.works.sweep(folder.path.clone());
    }

    fn change(&mut self, change: Change) {
        match change {
            Change::Place(place) => {
                self.places.change(place, Instant::now());
            }
            Change::Folder(folder) => self.works.come(folder),
            Change::Missed(reason) => {
                tracing::warn!(reason, "changes were not told: a sweep finds them");
                self.sweep_due = Instant::now();
            }
        }
    }

    fn done(&mut self, done: Option<Done>) -> Result<(), WatchError> {
        match done.ok_or(WatchError::Panicked)? {
            Done::Swept { found, ledger, took } => self.swept(found, ledger, took)?,
            Done::Came(found) => {
                self.change_all(&found);
            }
            Done::Found { place, found } => self.found(place, found),
            Done::Read { place, took, read, version } => self.read(place, took, read, version)?,
            Done::Kept(Ok(kept)) => self.commits.push(kept, None),
            Done::Kept(Err(error)) if !error.may_pass() => return Err(error.into()),
            // The next sweep finds it again.
            Done::Kept(Err(error)) => tracing::warn!(%error, "what cannot be read was not kept"),
            Done::Told { folder, changes } => {
                if self.folder.tell(&folder, changes) {
                    // What was written before somebody listened.
                    self.sweep_due = Instant::now();
                }
            }
        }
        Ok(())
    }

    fn swept(
        &mut self,
        found: Discovery,
        ledger: Result<Ledger, LakeError>,
        took: Duration,
    ) -> Result<(), WatchError> {
        self.sweeping = false;
        let now = Instant::now();
        self.sweep_rests = now + took * SWEEP_REST;
        match ledger {
            Ok(ledger) => {
                self.ledger = ledger;
                let Self { ledger, read, .. } = self;
                read.retain(|uri, etag| {
                    !ledger.has(&SourceId { uri: uri.clone(), etag: etag.clone() })
                });
                self.watch.health.good("lake");
            }
            Err(error) if !error.may_pass() => return Err(error.into()),
            Err(error) => {
                self.watch.health.bad("lake", &error);
                tracing::warn!(%error, "the ledger was not read");
            }
        }
        self.keep_unreadable(&found);
        let news = self.change_all(&found);
        tracing::debug!(news, ?took, "swept");
        self.watch.metrics.add_sweep(news);
        self.places.forget(now);
        if let Some(folder) = self.folder.untold().cloned() {
            self.works.tell(folder, self.sender.clone());
        }
        Ok(())
    }

    /// Has all places looked at in which something was found; tells how many were not known to have
    /// changed.
    fn change_all(&mut self, found: &Discovery) -> u64 {
        let mut news = 0;
        for segment in &found.segments {
            if self.is_missing(segment)
                && let Some(place) = place_of(segment)
            {
                news += u64::from(self.places.change(place, Instant::now()));
            }
        }
        news
    }

    fn is_missing(&self, segment: &Segment) -> bool {
        let SourceId { uri, etag } = &segment.source;
        self.read.get(uri) != Some(etag) && !self.ledger.has(&segment.source)
    }

    /// Whether `source` was read when its file was in progress, and has got its finished name since.
    fn is_renamed(&self, source: &SourceId) -> bool {
        let before = in_progress(source);
        self.read.get(&before.uri) == Some(&before.etag) || self.ledger.has(&before)
    }

    /// Keeps in quarantine what cannot be looked at, for as long as that is so.
    fn keep_unreadable(&mut self, found: &Discovery) {
        for (source, display, problem) in &found.problems {
            let path = Url::parse(&source.uri).ok().and_then(|url| url.to_file_path().ok());
            // A log may have no segments yet.
            if path.is_none_or(|path| is_gone(&path))
                || !matches!(problem, Problem::Unreadable(_))
                || self.ledger.has(&source.clone().unread())
            {
                continue;
            }
            let unread = Unread {
                source: source.clone(),
                display: display.clone(),
                problem: problem.clone(),
                raw: String::new(),
            };
            self.works.keep(unread);
        }
    }

    /// Has read what a place has and the ledger has not.
    fn found(&mut self, place: PathBuf, found: Discovery) {
        let segments = found.segments.into_iter().filter(|segment| {
            // A folder may have other logs below.
            place_of(segment).as_ref() == Some(&place) && self.is_missing(segment)
        });
        let segments: Vec<_> = segments.map(|segment| (place.clone(), segment)).collect();
        if segments.is_empty() {
            return self.places.read(&place, Duration::ZERO, Instant::now());
        }
        self.readings.insert(place, Reading { left: segments.len(), took: Duration::ZERO });
        self.todo.extend(segments);
    }

    fn read(
        &mut self,
        place: PathBuf,
        took: Duration,
        read: Result<Ingested, ReadError>,
        version: SourceId,
    ) -> Result<(), WatchError> {
        let uri = version.uri.clone();
        match &read {
            Err(ReadError::Lake(error)) => self.watch.health.bad("store", error),
            _ => self.watch.health.good("store"),
        }
        match read {
            Ok(ingested) => {
                tracing::info!(
                    segment = %ingested.source.uri,
                    etag = ingested.source.etag,
                    id = ingested.source.id(),
                    app_id = ingested.identity.app_id,
                    events = ingested.events,
                    rows = ingested.rows,
                    quarantined = ingested.quarantined,
                    ?took,
                    "read"
                );
                self.read.insert(version.uri, version.etag);
                if let Some(reading) = self.readings.get_mut(&place) {
                    reading.took += took;
                }
                let modified = (!self.is_renamed(&ingested.source)).then_some(ingested.modified);
                self.commits.push(ingested, Some((place, modified)));
            }
            Err(ReadError::Object(ObjectError::Gone)) => {
                tracing::info!(segment = %uri, "it is gone");
                self.resolve(&place, took);
            }
            Err(ReadError::Lake(error)) if !error.may_pass() => return Err(error.into()),
            Err(error) => {
                tracing::warn!(segment = %uri, %error, "it was not read");
                self.places.change(place.clone(), Instant::now());
                self.resolve(&place, FAILED);
            }
        }
        Ok(())
    }

    /// Notes that nothing more is to be done of a segment.
    fn resolve(&mut self, place: &Path, took: Duration) {
        let Some(reading) = self.readings.get_mut(place) else { return };
        reading.took += took;
        reading.left -= 1;
        if reading.left == 0 {
            let took = reading.took;
            self.readings.remove(place);
            self.places.read(place, took, Instant::now());
        }
    }

    /// Whether more is coming that could be committed with what is read.
    fn is_reading(&self) -> bool {
        self.works.reading > 0 || !self.todo.is_empty()
    }

    fn committed(&mut self, commit: Option<Commit<Changed>>) -> Result<(), WatchError> {
        let Commit { waited_for: segments, took, result } = commit.ok_or(WatchError::Panicked)?;
        let committed = result?;
        self.watch.health.good("lake");
        self.watch.metrics.add_commit(committed.conflicts);
        let now = Utc::now();
        let mut slowest = 0.0_f64;
        let share = took / u32::try_from(segments.len().max(1)).unwrap_or(u32::MAX);
        for (place, modified) in &segments {
            if let Some(modified) = modified.filter(|modified| *modified > self.began) {
                let seconds = (now - modified).as_seconds_f64().max(0.0);
                self.watch.metrics.observe_latency(seconds);
                slowest = slowest.max(seconds);
            }
            self.resolve(place, share);
        }
        tracing::info!(
            segments = segments.len(),
            conflicts = committed.conflicts,
            ?took,
            seconds_since_modified = slowest,
            "committed"
        );
        Ok(())
    }

    /// Commits what is being read.
    async fn drain(mut self) -> Result<(), WatchError> {
        tracing::info!(segments = self.works.reading, "stopping");
        let until = Instant::now() + DRAIN;
        while self.works.reading > 0
            && let Ok(Some(done)) = timeout_at(until, self.works.next()).await
        {
            self.done(done)?;
        }
        while !self.commits.is_done() {
            self.commits.begin_if_ready(false);
            let Ok(commit) = timeout_at(until, self.commits.next()).await else {
                tracing::warn!(
                    "what was read is not committed in time: the next start reads it again"
                );
                return Ok(());
            };
            self.committed(commit)?;
        }
        // The next start is perhaps another folder's.
        if let Some(folder) = self.folder.now() {
            let ledger = self.lake.ledger().await?;
            forget_renamed(&self.lake, &ledger, &folder.path).await;
        }
        Ok(())
    }
}

fn place_of(segment: &Segment) -> Option<PathBuf> {
    match &segment.place {
        Place::File(path) => changes::place(path),
        Place::Object(_) => None,
    }
}

#[cfg(test)]
mod tests;
