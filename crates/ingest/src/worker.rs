//! The streaming job: what a queue says of objects, into the lake, exactly once.
//!
//! A message is held ([`Lease`]) from the moment it is received. Its segments are read side by side,
//! committed in groups, and only when the ledger has all of them is the message deleted. Whatever
//! dies in between leaves the message in the queue; who receives it then finds the ledger to have
//! its segments, or reads them again into files of the same names.

mod messages;
mod work;

use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use stagelight_lake::{Lake, LakeError, Ledger, MayPass, SourceId};
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use crate::admission::{Admission, Admitted};
use crate::commits::{Commit, Commits};
use crate::envelope::{Notice, notices};
use crate::fetch::{PART_BYTES, PARTS};
use crate::group::GroupLimits;
use crate::health::Health;
use crate::lease::{Lease, Leases};
use crate::objects::{Address, ObjectError, Objects};
use crate::quarantine::Problem;
use crate::queue::{Message, Queue, QueueError};
use crate::read::{ReadError, Unread};
use crate::retry;
use crate::sweep::Sweep;
use crate::worker_metrics::{Fate, WorkerMetrics};
use messages::{Held, Messages, Waiter};
use work::{Done, Task, Works};

/// So many messages are received at once.
const BATCH: usize = 10;
/// A request for messages waits so long for one.
const LONG_POLL: Duration = Duration::from_secs(20);
/// How old the worker's picture of the ledger may be. What it does not show is noticed when it is
/// committed.
const LEDGER_AGE: Duration = Duration::from_secs(10);
/// Reading the ledger may take so much of a worker's time: one part in so many.
const LEDGER_SHARE: u32 = 20;
/// Messages that come while a worker stops are waited for, so that they can be given back at once.
const LAST_MESSAGES: Duration = Duration::from_secs(1);
/// How often the queue is asked how much waits.
const DEPTH_EVERY: Duration = Duration::from_secs(30);

/// How a worker goes.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    /// Threads that decode.
    pub threads: NonZeroUsize,
    /// A line that is longer goes to quarantine.
    pub max_line_bytes: usize,
    /// An object that is larger goes to quarantine.
    pub max_object_bytes: u64,
    /// Bytes of objects that are in memory before they are decoded, at most.
    pub bytes_in_flight: u64,
    /// Only objects that are here or below.
    pub within: Option<Address>,
    /// When what was read is committed.
    pub commit: GroupLimits,
    /// How long a message is hidden at a time; that is extended while it is worked on.
    pub visibility: Duration,
    /// A message that was received so often goes to quarantine; `None` where the queue has another
    /// place for it.
    pub max_receives: Option<u32>,
    /// Stopping may take so long.
    pub drain: Duration,
    /// How often `within` is listed for what was never announced.
    pub reconcile: Option<Duration>,
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self {
            threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            max_line_bytes: 64 << 20,
            max_object_bytes: 16 << 30,
            bytes_in_flight: 192 << 20,
            within: None,
            commit: GroupLimits { age: Duration::from_secs(10), ..GroupLimits::default() },
            visibility: Duration::from_secs(120),
            max_receives: Some(10),
            drain: Duration::from_secs(25),
            reconcile: None,
        }
    }
}

/// Why a worker stopped before it was told to.
#[derive(Debug, Error)]
pub enum WorkerError {
    /// The lake cannot be read or written.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// The queue cannot be used.
    #[error("queue {0}")]
    Queue(QueueError),
    /// The threads that decode cannot be started.
    #[error("starting threads: {0}")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// A task has panicked: a defect.
    #[error("a part of the worker stopped unexpectedly")]
    Panicked,
}

/// A worker, and what others see of it.
#[derive(Debug)]
pub struct Worker {
    /// The queue that says which objects there are.
    pub queue: Arc<dyn Queue>,
    /// Where these are.
    pub objects: Arc<dyn Objects>,
    /// How it goes.
    pub options: WorkerOptions,
    /// What it counts.
    pub metrics: Arc<WorkerMetrics>,
    /// What stands in its way.
    pub health: Arc<Health>,
}

impl Worker {
    /// Works until `stop` is done, and then until what it has begun is committed or given back.
    ///
    /// # Errors
    ///
    /// [`WorkerError`] where it cannot go on. What it held is given back to the queue then.
    pub async fn run(
        self,
        lake: Arc<Lake>,
        stop: impl Future<Output = ()>,
    ) -> Result<(), WorkerError> {
        let drain = self.options.drain;
        let mut running = Running::start(self, lake).await?;
        let mut stop = pin!(stop);
        let result = loop {
            running.messages.acknowledge();
            running.commits.begin_if_ready(true);
            running.receive_if_room();
            let due = running.commits.due();
            tokio::select! {
                biased;
                () = &mut stop => break Ok(()),
                number = running.leases.lost() => {
                    let unwanted = running.messages.forget(number);
                    running.works.stop(&unwanted);
                    // What could not be stored may be among that; the rest says so again.
                    running.worker.health.good("store");
                }
                Some(done) = running.works.next() => {
                    if let Err(error) = running.done(done) {
                        break Err(error);
                    }
                }
                committed = running.commits.next() => {
                    if let Err(error) = running.committed(committed) {
                        break Err(error);
                    }
                }
                () = until(due) => {}
                Some(notice) = running.swept.recv(), if running.room() > 0 => {
                    running.admit_swept(notice);
                }
                messages = received(&mut running.receiving) => {
                    if let Err(error) = running.received(messages).await {
                        break Err(error);
                    }
                }
            }
        };
        let until = Instant::now() + drain;
        match result {
            Ok(()) => running.drain(until).await,
            Err(error) => {
                running.give_all_back(until).await;
                Err(error)
            }
        }
    }
}

type Receiving = BoxFuture<'static, (Instant, Result<Vec<Message>, QueueError>)>;

struct Running {
    worker: Worker,
    lake: Arc<Lake>,
    admission: Admission,
    leases: Leases,
    messages: Messages,
    works: Works,
    /// Of segments by what they were announced as, and what becomes of their messages.
    commits: Commits<(SourceId, Fate)>,
    receiving: Option<Receiving>,
    receive_failures: u32,
    /// So many segments one after another could not be stored.
    store_failures: u32,
    /// What a sweep has found.
    swept: mpsc::Receiver<Notice>,
    ledger: Arc<Ledger>,
    ledger_due: Instant,
    /// Goes on for as long as the worker does.
    _watching: JoinSet<()>,
}

impl Running {
    async fn start(worker: Worker, lake: Arc<Lake>) -> Result<Self, WorkerError> {
        let options = &worker.options;
        let slots = options.bytes_in_flight / (PARTS * PART_BYTES);
        let works = Works::new(
            Arc::clone(&lake),
            Arc::clone(&worker.objects),
            options,
            usize::try_from(slots).unwrap_or(usize::MAX).max(1),
            Arc::clone(&worker.metrics.progress),
        )?;
        let leases =
            Leases::new(Arc::clone(&worker.queue), options.visibility, Arc::clone(&worker.metrics));
        let mut watching = JoinSet::new();
        watching.spawn(watch_depth(Arc::clone(&worker.queue), Arc::clone(&worker.metrics)));
        let ledger = Arc::new(retry::lake(|| lake.ledger()).await?);
        worker.health.good("lake");
        let admission =
            Admission { within: options.within.clone(), max_bytes: options.max_object_bytes };
        let (found, swept) = mpsc::channel(1);
        if let (Some(place), Some(every)) = (options.within.clone(), options.reconcile) {
            let sweep = Sweep {
                lake: Arc::clone(&lake),
                objects: Arc::clone(&worker.objects),
                admission: admission.clone(),
                place,
                every,
            };
            watching.spawn(sweep.go_on(found));
        }
        Ok(Self {
            admission,
            swept,
            commits: Commits::new(Arc::clone(&lake), options.commit, Arc::clone(&worker.health)),
            leases,
            messages: Messages::new(Arc::clone(&worker.queue), Arc::clone(&worker.metrics)),
            works,
            receiving: None,
            receive_failures: 0,
            store_failures: 0,
            ledger,
            ledger_due: Instant::now() + LEDGER_AGE,
            _watching: watching,
            lake,
            worker,
        })
    }

    /// How much more may be begun.
    fn room(&self) -> usize {
        if self.commits.has_room() { self.works.room() } else { 0 }
    }

    /// Asks for messages where there is room for what they may bring.
    fn receive_if_room(&mut self) {
        self.worker.metrics.set_oldest(self.leases.oldest());
        let room = self.room();
        if self.receiving.is_some() || room == 0 {
            return;
        }
        let queue = Arc::clone(&self.worker.queue);
        let visibility = self.worker.options.visibility;
        let pause = match self.receive_failures {
            0 => Duration::ZERO,
            failures => retry::pause(failures),
        };
        let receive = async move {
            sleep(pause).await;
            let since = Instant::now();
            (since, queue.receive(room.min(BATCH), visibility, LONG_POLL).await)
        };
        self.receiving = Some(receive.boxed());
    }

    async fn received(
        &mut self,
        (since, messages): (Instant, Result<Vec<Message>, QueueError>),
    ) -> Result<(), WorkerError> {
        self.receiving = None;
        let messages = match messages {
            Ok(messages) => messages,
            Err(error @ QueueError::Fatal(_)) => {
                self.worker.health.bad("queue", &error);
                return Err(WorkerError::Queue(error));
            }
            Err(error) => {
                self.receive_failures += 1;
                self.worker.health.bad("queue", &error);
                tracing::warn!(%error, failures = self.receive_failures, "nothing was received");
                return Ok(());
            }
        };
        self.receive_failures = 0;
        self.worker.health.good("queue");
        // Held from now on, whatever the ledger takes.
        let held: Vec<(Message, Lease)> = messages
            .into_iter()
            .map(|message| {
                let lease = self.leases.hold(message.receipt.clone(), since);
                (message, lease)
            })
            .collect();
        if !held.is_empty() {
            self.refresh_ledger().await;
        }
        for (message, lease) in held {
            self.admit(message, lease);
        }
        Ok(())
    }

    async fn refresh_ledger(&mut self) {
        let started = Instant::now();
        if started < self.ledger_due {
            return;
        }
        match self.lake.ledger().await {
            Ok(ledger) => {
                self.ledger = Arc::new(ledger);
                self.worker.health.good("lake");
            }
            // An old picture of it does as well; committing reads it again.
            Err(error) => {
                self.worker.health.bad("lake", &error);
                tracing::warn!(%error, "the ledger was not read");
            }
        }
        self.ledger_due = Instant::now() + LEDGER_AGE.max(started.elapsed() * LEDGER_SHARE);
    }

    /// Begins what `message` asks for.
    fn admit(&mut self, message: Message, lease: Lease) {
        let mut held = Held::new(lease, message.id, message.receives);
        let waiter = Waiter::Message(held.number());
        let notices = match notices(&message.body) {
            Ok(notices) => notices,
            Err(error) => {
                tracing::warn!(message_id = held.id, %error, "a message goes to quarantine");
                let source = SourceId { uri: format!("sqs:{}", held.id), etag: String::new() };
                self.messages.hold(held, 1);
                let problem = Problem::Message(error.to_string());
                let display = source.uri.clone();
                let unread = Unread { source: source.clone(), display, problem, raw: message.body };
                return self.begin(source, waiter, Task::Keep(unread));
            }
        };
        let mut tasks = Vec::new();
        for notice in notices {
            let event = notice.time;
            match self.admission.decide(notice, &self.ledger) {
                Admitted::Pass(fate) => held.fate = held.fate.max(fate),
                Admitted::Keep(unread) => tasks.push((unread.source.clone(), Task::Keep(unread))),
                Admitted::Read(candidate) => {
                    held.event = [held.event, event].into_iter().flatten().min();
                    tracing::info!(
                        bucket = candidate.address.bucket,
                        key = candidate.address.key,
                        etag = candidate.etag,
                        id = candidate.source().id(),
                        receives = held.receives,
                        message_id = held.id,
                        "admitted"
                    );
                    tasks.push((candidate.source(), Task::Read(candidate)));
                }
            }
        }
        self.messages.hold(held, tasks.len());
        for (source, task) in tasks {
            self.begin(source, waiter, task);
        }
    }

    /// Begins to read what a sweep has found, as if a message had told of it.
    fn admit_swept(&mut self, notice: Notice) {
        let (source, task) = match self.admission.decide(notice, &self.ledger) {
            Admitted::Pass(_) => return,
            Admitted::Keep(unread) => (unread.source.clone(), Task::Keep(unread)),
            Admitted::Read(candidate) => (candidate.source(), Task::Read(candidate)),
        };
        tracing::info!(segment = %source.uri, etag = source.etag, id = source.id(), "nobody has announced it");
        self.worker.metrics.add_swept(1);
        self.begin(source, Waiter::Sweep, task);
    }

    fn begin(&mut self, source: SourceId, waiter: Waiter, task: Task) {
        if self.messages.wait(&source, waiter) {
            self.works.begin(source, task);
        }
    }

    /// Takes what has become of a segment that was read.
    fn done(&mut self, done: Option<Done>) -> Result<(), WorkerError> {
        let done = done.ok_or(WorkerError::Panicked)?;
        let Done { source, task, result } = done;
        if !matches!(&result, Err(ReadError::Lake(_))) {
            self.store_failures = 0;
            self.worker.health.good("store");
        }
        match result {
            Ok(ingested) => {
                tracing::info!(
                    segment = %source.uri,
                    etag = source.etag,
                    id = source.id(),
                    app_id = ingested.identity.app_id,
                    events = ingested.events,
                    rows = ingested.rows,
                    quarantined = ingested.quarantined,
                    "read"
                );
                let fate = match task {
                    Task::Read(_) => Fate::Committed,
                    Task::Keep(_) => Fate::Quarantined,
                };
                self.commits.push(ingested, Some((source, fate)));
            }
            Err(ReadError::Object(ObjectError::Gone)) => {
                tracing::info!(segment = %source.uri, id = source.id(), "it is gone");
                self.messages.resolve(&source, Fate::Gone);
            }
            Err(ReadError::Stopped) => {}
            Err(error @ (ReadError::Panicked | ReadError::Lake(LakeError::Encode { .. }))) => {
                self.keep_instead(source, &task, Problem::Defect(error.to_string()));
            }
            Err(ReadError::Lake(error)) => {
                self.worker.health.bad("store", &error);
                if !error.may_pass() {
                    return Err(error.into());
                }
                // Another worker would not fare better, and the message would wear out.
                self.store_failures += 1;
                let pause = retry::lake_pause(self.store_failures);
                tracing::warn!(segment = %source.uri, %error, ?pause, "the lake did not take it");
                self.works.begin_after(pause, source, task);
            }
            Err(error) => {
                let receives = self.messages.receives(&source);
                let hopeless = self.worker.options.max_receives.is_some_and(|max| receives >= max);
                tracing::warn!(
                    segment = %source.uri,
                    etag = source.etag,
                    id = source.id(),
                    receives,
                    %error,
                    hopeless,
                    "it was not read"
                );
                if hopeless {
                    self.keep_instead(source, &task, Problem::Unreadable(error.to_string()));
                } else {
                    let unwanted = self.messages.give_back(&source);
                    self.works.stop(&unwanted);
                }
            }
        }
        Ok(())
    }

    /// Puts into quarantine that `source` could not be read.
    fn keep_instead(&mut self, source: SourceId, task: &Task, problem: Problem) {
        let display = match task {
            Task::Read(candidate) => candidate.display.clone(),
            Task::Keep(unread) => unread.display.clone(),
        };
        let unread = Unread { source: source.clone(), display, problem, raw: String::new() };
        self.works.begin(source, Task::Keep(unread));
    }

    fn committed(&mut self, commit: Option<Commit<(SourceId, Fate)>>) -> Result<(), WorkerError> {
        let Commit { waited_for, result, .. } = commit.ok_or(WorkerError::Panicked)?;
        let committed = result?;
        self.worker.health.good("lake");
        self.worker.metrics.add_commit(committed.conflicts);
        tracing::info!(
            segments = waited_for.len(),
            already_in = committed.already_in,
            conflicts = committed.conflicts,
            "committed"
        );
        for (source, fate) in waited_for {
            self.messages.resolve(&source, fate);
        }
        Ok(())
    }

    /// Receives nothing more, commits what is read until `until`, and gives back the rest.
    async fn drain(mut self, until: Instant) -> Result<(), WorkerError> {
        tracing::info!(messages = self.messages.len(), "stopping");
        let mut result = Ok(());
        // What is nearly read is read; half of the time is for committing it.
        let read_until = Instant::now() + until.saturating_duration_since(Instant::now()) / 2;
        while result.is_ok()
            && let Ok(Some(done)) = timeout_at(read_until, self.works.next()).await
        {
            result = self.done(done);
        }
        while result.is_ok() && !self.commits.is_done() {
            self.commits.begin_if_ready(false);
            match timeout_at(until, self.commits.next()).await {
                Ok(committed) => result = self.committed(committed),
                Err(_) => break,
            }
        }
        self.give_all_back(until).await;
        result
    }

    /// Gives back what is held, and what was asked for and comes in a moment.
    async fn give_all_back(mut self, until: Instant) {
        self.messages.acknowledge();
        let mut last = Vec::new();
        if let Some(receiving) = &mut self.receiving
            && let Ok((_, Ok(messages))) = timeout(LAST_MESSAGES, receiving).await
        {
            last.extend(messages.into_iter().map(|message| message.receipt));
        }
        self.messages.give_all_back(last, until).await;
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}

async fn received(
    receiving: &mut Option<Receiving>,
) -> (Instant, Result<Vec<Message>, QueueError>) {
    match receiving {
        Some(receiving) => receiving.await,
        None => std::future::pending().await,
    }
}

async fn watch_depth(queue: Arc<dyn Queue>, metrics: Arc<WorkerMetrics>) {
    loop {
        match queue.depth().await {
            Ok(depth) => metrics.set_depth(depth),
            Err(error) => tracing::debug!(%error, "the queue's depth is not known"),
        }
        sleep(DEPTH_EVERY).await;
    }
}
