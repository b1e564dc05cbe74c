//! The streaming job: what a queue says of objects, into the lake, exactly once.
//!
//! A message is held ([`Lease`]) from the moment it is received. Its segments are read side by side,
//! committed in groups, and only when the ledger has all of them is the message deleted. Whatever
//! dies in between leaves the message in the queue; who receives it then finds the ledger to have
//! its segments, or reads them again into files of the same names.

mod work;

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::future::{BoxFuture, FutureExt};
use stagelight_lake::{Committed, Ingested, Lake, LakeError, Ledger, SourceId};
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use crate::admission::{Admission, Admitted};
use crate::envelope::{Notice, notices};
use crate::fetch::{PART_BYTES, PARTS};
use crate::group::{Group, GroupLimits};
use crate::health::Health;
use crate::lease::{Lease, Leases};
use crate::objects::{Address, ObjectError, Objects};
use crate::quarantine::Problem;
use crate::queue::{Message, Queue, QueueError};
use crate::read::{ReadError, Unread};
use crate::retry;
use crate::sweep::Sweep;
use crate::worker_metrics::{Fate, WorkerMetrics};
use work::{Done, Task, Works};

/// So many messages are received at once.
const BATCH: usize = 10;
/// A request for messages waits so long for one.
const LONG_POLL: Duration = Duration::from_secs(20);
/// Stands for the sweep among the messages that wait for a segment.
const SWEEP: u64 = u64::MAX;
/// How old the worker's picture of the ledger may be. What it does not show is noticed when it is
/// committed.
const LEDGER_AGE: Duration = Duration::from_secs(10);
/// Reading the ledger may take so much of a worker's time: one part in so many.
const LEDGER_SHARE: u32 = 20;
/// It is tried so often to delete messages.
const DELETE_ATTEMPTS: u32 = 8;
/// Messages that come while a worker stops are waited for, so that they can be given back at once.
const LAST_MESSAGES: Duration = Duration::from_secs(1);
/// How often the queue is asked how much waits.
const DEPTH_EVERY: Duration = Duration::from_secs(30);
/// A message that is given back is shown again after so long at most.
const GIVEN_BACK_AT_MOST: Duration = Duration::from_secs(15 * 60);

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
            running.acknowledge();
            running.commit_if_due();
            running.receive_if_room();
            let due = running.group.due();
            tokio::select! {
                biased;
                () = &mut stop => break Ok(()),
                number = running.leases.lost() => running.forget(number),
                Some(done) = running.works.next() => {
                    if let Err(error) = running.done(done) {
                        break Err(error);
                    }
                }
                committed = committed(&mut running.committing) => {
                    if let Err(error) = running.committed(committed) {
                        break Err(error);
                    }
                }
                () = until(due), if running.committing.is_none() => {}
                Some(notice) = running.swept.recv(), if running.works.room() > 0 => {
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

/// A message that is held.
struct Held {
    lease: Lease,
    id: String,
    receives: u32,
    /// Its objects that nothing has become of yet.
    left: usize,
    fate: Fate,
    /// When the first of its objects was put there.
    event: Option<DateTime<Utc>>,
}

type Receiving = BoxFuture<'static, (Instant, Result<Vec<Message>, QueueError>)>;
type Committing = JoinHandle<(Vec<SourceId>, Result<Committed, LakeError>)>;

struct Running {
    worker: Worker,
    lake: Arc<Lake>,
    admission: Admission,
    leases: Leases,
    /// By the number of its lease.
    messages: HashMap<u64, Held>,
    /// Which messages wait for a segment.
    waiting: HashMap<SourceId, Vec<u64>>,
    works: Works,
    /// What reads a segment, so that it can be stopped.
    aborts: HashMap<SourceId, AbortHandle>,
    group: Group,
    /// What the segments of the group were announced as.
    grouped: Vec<SourceId>,
    committing: Option<Committing>,
    receiving: Option<Receiving>,
    receive_failures: u32,
    /// What a sweep has found.
    swept: mpsc::Receiver<Notice>,
    ledger: Arc<Ledger>,
    ledger_due: Instant,
    /// Messages that are to be deleted.
    decided: Vec<Lease>,
    /// Deletes messages, and gives them back.
    background: JoinSet<()>,
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
            group: Group::new(options.commit),
            grouped: Vec::new(),
            leases,
            messages: HashMap::new(),
            waiting: HashMap::new(),
            works,
            aborts: HashMap::new(),
            committing: None,
            receiving: None,
            receive_failures: 0,
            ledger,
            ledger_due: Instant::now() + LEDGER_AGE,
            decided: Vec::new(),
            background: JoinSet::new(),
            _watching: watching,
            lake,
            worker,
        })
    }

    /// Asks for messages where there is room for what they may bring.
    fn receive_if_room(&mut self) {
        self.worker.metrics.set_oldest(self.leases.oldest());
        let room = self.works.room();
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
        let number = lease.number();
        let mut held = Held {
            lease,
            id: message.id,
            receives: message.receives,
            left: 0,
            fate: Fate::Ignored,
            event: None,
        };
        let notices = match notices(&message.body) {
            Ok(notices) => notices,
            Err(error) => {
                tracing::warn!(message_id = held.id, %error, "a message goes to quarantine");
                let source = SourceId { uri: format!("sqs:{}", held.id), etag: String::new() };
                held.left = 1;
                self.messages.insert(number, held);
                let problem = Problem::Message(error.to_string());
                let display = source.uri.clone();
                let unread = Unread { source: source.clone(), display, problem, raw: message.body };
                return self.begin(source, number, Task::Keep(unread));
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
        held.left = tasks.len();
        self.messages.insert(number, held);
        if tasks.is_empty() {
            self.decide(number);
        }
        for (source, task) in tasks {
            self.begin(source, number, task);
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
        self.begin(source, SWEEP, task);
    }

    fn begin(&mut self, source: SourceId, number: u64, task: Task) {
        let waiting = self.waiting.entry(source.clone()).or_default();
        waiting.push(number);
        if waiting.len() == 1 {
            self.aborts.insert(source.clone(), self.works.begin(source, task));
        }
    }

    /// Takes what has become of a segment that was read.
    fn done(&mut self, done: Option<Done>) -> Result<(), WorkerError> {
        let done = done.ok_or(WorkerError::Panicked)?;
        let Done { source, task, result } = done;
        self.aborts.remove(&source);
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
                self.push(source, ingested);
            }
            Err(ReadError::Object(ObjectError::Gone)) => {
                tracing::info!(segment = %source.uri, id = source.id(), "it is gone");
                self.resolve(&source, Fate::Gone);
            }
            Err(ReadError::Stopped) => {}
            Err(error @ (ReadError::Panicked | ReadError::Lake(LakeError::Encode { .. }))) => {
                self.keep_instead(source, &task, Problem::Defect(error.to_string()));
            }
            Err(ReadError::Lake(error)) if !error.may_pass() => {
                self.worker.health.bad("lake", &error);
                return Err(error.into());
            }
            Err(error) => {
                if let ReadError::Lake(error) = &error {
                    self.worker.health.bad("lake", error);
                }
                let receives = self.receives(&source);
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
                    self.give_back(&source);
                }
            }
        }
        Ok(())
    }

    fn push(&mut self, source: SourceId, ingested: Ingested) {
        self.grouped.push(source);
        self.group.push(ingested);
    }

    /// How often the messages were received that wait for `source`.
    fn receives(&self, source: &SourceId) -> u32 {
        let waiting = self.waiting.get(source).into_iter().flatten();
        waiting.filter_map(|number| Some(self.messages.get(number)?.receives)).max().unwrap_or(0)
    }

    /// Puts into quarantine that `source` could not be read.
    fn keep_instead(&mut self, source: SourceId, task: &Task, problem: Problem) {
        let display = match task {
            Task::Read(candidate) => candidate.display.clone(),
            Task::Keep(unread) => unread.display.clone(),
        };
        let unread = Unread { source: source.clone(), display, problem, raw: String::new() };
        self.aborts.insert(source.clone(), self.works.begin(source, Task::Keep(unread)));
    }

    /// Notes that `fate` has become of `source`, for all messages that wait for it.
    fn resolve(&mut self, source: &SourceId, fate: Fate) {
        for number in self.waiting.remove(source).into_iter().flatten() {
            let Some(held) = self.messages.get_mut(&number) else { continue };
            held.fate = held.fate.max(fate);
            held.left -= 1;
            if held.left == 0 {
                self.decide(number);
            }
        }
    }

    /// A message of which everything is decided is to be deleted.
    fn decide(&mut self, number: u64) {
        let Some(held) = self.messages.remove(&number) else { return };
        self.worker.metrics.add_messages(held.fate, 1);
        if let (Fate::Committed, Some(event)) = (held.fate, held.event) {
            let seconds = (Utc::now() - event).as_seconds_f64();
            self.worker.metrics.observe_latency(seconds.max(0.0));
        }
        self.decided.push(held.lease);
    }

    /// Deletes the messages of which everything is decided.
    fn acknowledge(&mut self) {
        while self.background.try_join_next().is_some() {}
        if self.decided.is_empty() {
            return;
        }
        let leases = std::mem::take(&mut self.decided);
        let queue = Arc::clone(&self.worker.queue);
        self.background.spawn(async move {
            let mut receipts: Vec<String> = leases.iter().filter_map(Lease::receipt).collect();
            for failures in 1..=DELETE_ATTEMPTS {
                match queue.delete(&receipts).await {
                    Ok(left) if left.is_empty() => return,
                    Ok(left) => receipts = left,
                    Err(error) => tracing::debug!(%error, "messages were not deleted"),
                }
                sleep(retry::pause(failures)).await;
            }
            // They come again, and the ledger has them.
            tracing::warn!(messages = receipts.len(), "messages were not deleted");
        });
    }

    /// Gives back to the queue the messages that wait for `source`: later, the oftener they came.
    fn give_back(&mut self, source: &SourceId) {
        for number in self.waiting.remove(source).into_iter().flatten() {
            let Some(held) = self.messages.remove(&number) else { continue };
            self.worker.metrics.add_messages(Fate::GivenBack, 1);
            let longest = Duration::from_secs(1 << held.receives.min(10)).min(GIVEN_BACK_AT_MOST);
            let after = longest.mul_f64(0.5 + fastrand::f64() / 2.0);
            let queue = Arc::clone(&self.worker.queue);
            self.background.spawn(async move {
                let Some(receipt) = held.lease.receipt() else { return };
                if let Err(error) = queue.extend(&[receipt], after).await {
                    // It comes again when its visibility ends.
                    tracing::debug!(message_id = held.id, %error, "it was not given back");
                }
            });
            self.drop_interest(number);
        }
    }

    /// Forgets a message whose lease is lost: somebody else may have it by now.
    fn forget(&mut self, number: u64) {
        let Some(held) = self.messages.remove(&number) else { return };
        tracing::warn!(message_id = held.id, "its lease is lost");
        self.worker.metrics.add_messages(Fate::Lost, 1);
        self.drop_interest(number);
    }

    /// Stops what only message `number` waits for. What is read already is committed all the same.
    fn drop_interest(&mut self, number: u64) {
        let Self { waiting, aborts, .. } = self;
        waiting.retain(|source, waiting| {
            waiting.retain(|other| *other != number);
            if waiting.is_empty()
                && let Some(abort) = aborts.remove(source)
            {
                abort.abort();
            }
            !waiting.is_empty()
        });
    }

    fn commit_if_due(&mut self) {
        if self.committing.is_none() && self.group.is_full() {
            self.begin_commit();
        }
    }

    fn begin_commit(&mut self) {
        let group = self.group.take();
        let sources = std::mem::take(&mut self.grouped);
        let lake = Arc::clone(&self.lake);
        let metrics = Arc::clone(&self.worker.metrics);
        self.committing = Some(tokio::spawn(async move {
            let result = retry::lake(|| lake.commit(group.clone())).await;
            if let Ok(committed) = &result {
                metrics.add_commit(committed.conflicts);
            }
            (sources, result)
        }));
    }

    fn committed(
        &mut self,
        result: Option<(Vec<SourceId>, Result<Committed, LakeError>)>,
    ) -> Result<(), WorkerError> {
        self.committing = None;
        let (sources, result) = result.ok_or(WorkerError::Panicked)?;
        match result {
            Ok(committed) => {
                self.worker.health.good("lake");
                tracing::info!(
                    segments = sources.len(),
                    already_in = committed.already_in,
                    conflicts = committed.conflicts,
                    "committed"
                );
                for source in sources {
                    self.resolve(&source, Fate::Committed);
                }
                Ok(())
            }
            Err(error) => {
                self.worker.health.bad("lake", &error);
                Err(error.into())
            }
        }
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
        while result.is_ok() && (self.committing.is_some() || !self.group.is_empty()) {
            if self.committing.is_none() {
                self.begin_commit();
            }
            match timeout_at(until, committed(&mut self.committing)).await {
                Ok(committed) => result = self.committed(committed),
                Err(_) => break,
            }
        }
        self.give_all_back(until).await;
        result
    }

    /// Deletes what is decided, and shows everything else to others at once.
    async fn give_all_back(mut self, until: Instant) {
        self.acknowledge();
        let mut last = Vec::new();
        if let Some(receiving) = &mut self.receiving
            && let Ok((_, Ok(messages))) = timeout(LAST_MESSAGES, receiving).await
        {
            last.extend(messages.into_iter().map(|message| message.receipt));
        }
        let held = self.messages.values().filter_map(|held| held.lease.receipt());
        let receipts: Vec<String> = held.chain(last).collect();
        if !receipts.is_empty() {
            self.worker.metrics.add_messages(Fate::GivenBack, receipts.len() as u64);
            let show = self.worker.queue.extend(&receipts, Duration::ZERO);
            match timeout_at(until.max(Instant::now() + LAST_MESSAGES), show).await {
                Ok(Ok(_)) => {}
                // They come again when their visibility ends.
                Ok(Err(error)) => tracing::warn!(%error, "messages were not given back"),
                Err(_) => tracing::warn!("messages were not given back in time"),
            }
        }
        let acknowledged = async { while self.background.join_next().await.is_some() {} };
        if timeout_at(until.max(Instant::now() + LAST_MESSAGES), acknowledged).await.is_err() {
            tracing::warn!("messages were not deleted in time");
        }
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

/// What the commit under way came to; `None` where it has panicked.
async fn committed(
    committing: &mut Option<Committing>,
) -> Option<(Vec<SourceId>, Result<Committed, LakeError>)> {
    match committing {
        Some(committing) => committing.await.ok(),
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
