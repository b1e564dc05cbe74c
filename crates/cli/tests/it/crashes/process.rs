//! A process that can die at any step, and what it reaches through: after its death nothing that it
//! had begun has any effect.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use fastrand::Rng;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult,
};
use stagelight_ingest::{
    Address, Depth, Message, Object, ObjectError, Objects, Page, Part, Queue, QueueError,
};
use tokio::sync::Notify;

/// When a process dies: before or after the so-manieth step of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Death {
    pub(crate) step: String,
    pub(crate) time: u64,
    pub(crate) after: bool,
}

/// A process, as far as the world can tell.
#[derive(Debug)]
pub(crate) struct Process {
    death: Option<Death>,
    /// How often each kind of step was taken.
    steps: Mutex<BTreeMap<String, u64>>,
    dead: AtomicBool,
    died: Notify,
    /// One step of so many fails; none for zero.
    fails: usize,
    /// A kind of step that does not work for so many times.
    outage: Mutex<(String, u64)>,
    random: Mutex<Rng>,
}

/// A step that failed, in a way that may pass.
#[derive(Debug)]
pub(crate) struct Failed;

impl Process {
    pub(crate) fn new(death: Option<Death>, fails: usize, seed: u64) -> Arc<Self> {
        Arc::new(Self {
            death,
            steps: Mutex::default(),
            dead: AtomicBool::new(false),
            died: Notify::new(),
            fails,
            outage: Mutex::default(),
            random: Mutex::new(Rng::with_seed(seed)),
        })
    }

    /// Is done when the process is dead.
    pub(crate) async fn died(&self) {
        self.died.notified().await;
    }

    pub(crate) fn kill(&self) {
        self.dead.store(true, Ordering::SeqCst);
        self.died.notify_one();
    }

    pub(crate) fn steps(&self) -> BTreeMap<String, u64> {
        self.steps.lock().expect("no test panics with it").clone()
    }

    /// Steps of `kind` fail for so many times from now on.
    pub(crate) fn fail(&self, kind: &str, times: u64) {
        *self.outage.lock().expect("no test panics with it") = (kind.to_owned(), times);
    }

    fn is_out(&self, kind: &str) -> bool {
        let mut outage = self.outage.lock().expect("no test panics with it");
        let is_out = outage.0 == kind && outage.1 > 0;
        outage.1 -= u64::from(is_out);
        is_out
    }

    fn chance(&self, of: usize) -> bool {
        of > 0 && self.random.lock().expect("no test panics with it").usize(..of) == 0
    }

    /// Takes a step of `kind`, which has `effect`.
    async fn step<T>(&self, kind: String, effect: impl Future<Output = T>) -> Result<T, Failed> {
        let time = {
            let mut steps = self.steps.lock().expect("no test panics with it");
            let time = steps.entry(kind.clone()).or_default();
            *time += 1;
            *time
        };
        let dies = self.death.as_ref().filter(|death| death.step == kind && death.time == time);
        if dies.is_some_and(|death| !death.after) {
            self.kill();
        }
        // Threads that a dead process leaves behind here are to end.
        if self.is_dead() || self.is_out(&kind) || self.chance(self.fails) {
            return Err(Failed);
        }
        let result = effect.await;
        if dies.is_some() {
            self.kill();
        }
        // The answer is lost, and the effect stays.
        let lost = self.is_dead() || self.chance(self.fails * 2);
        if lost { Err(Failed) } else { Ok(result) }
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }
}

/// Something that a process reaches.
#[derive(Debug)]
pub(crate) struct Through<T> {
    pub(crate) process: Arc<Process>,
    pub(crate) inner: T,
}

impl<T> Through<T> {
    pub(crate) fn new(process: &Arc<Process>, inner: T) -> Arc<Self> {
        Arc::new(Self { process: Arc::clone(process), inner })
    }
}

#[async_trait]
impl<T: Queue> Queue for Through<Arc<T>> {
    async fn receive(
        &self,
        at_most: usize,
        visibility: Duration,
        wait: Duration,
    ) -> Result<Vec<Message>, QueueError> {
        let receive = self.inner.receive(at_most, visibility, wait);
        self.process.step("receive messages".into(), receive).await.map_err(queue_failed)?
    }

    async fn extend(
        &self,
        receipts: &[String],
        visibility: Duration,
    ) -> Result<Vec<String>, QueueError> {
        let extend = self.inner.extend(receipts, visibility);
        self.process.step("extend messages".into(), extend).await.map_err(queue_failed)?
    }

    async fn delete(&self, receipts: &[String]) -> Result<Vec<String>, QueueError> {
        let delete = self.inner.delete(receipts);
        self.process.step("delete messages".into(), delete).await.map_err(queue_failed)?
    }

    async fn send(&self, bodies: &[String]) -> Result<(), QueueError> {
        self.inner.send(bodies).await
    }

    async fn depth(&self) -> Result<Option<Depth>, QueueError> {
        self.inner.depth().await
    }
}

fn queue_failed(_: Failed) -> QueueError {
    QueueError::Failed("the test says so".to_owned())
}

#[async_trait]
impl<T: Objects> Objects for Through<Arc<T>> {
    async fn head(&self, address: &Address) -> Result<Object, ObjectError> {
        self.process.step("head".into(), self.inner.head(address)).await.map_err(object_failed)?
    }

    async fn get(
        &self,
        address: &Address,
        etag: Option<&str>,
        range: Range<u64>,
    ) -> Result<Part, ObjectError> {
        let get = self.inner.get(address, etag, range);
        self.process.step("get segment".into(), get).await.map_err(object_failed)?
    }

    async fn list(&self, prefix: &Address, page: Option<&str>) -> Result<Page, ObjectError> {
        let list = self.inner.list(prefix, page);
        self.process.step("list segments".into(), list).await.map_err(object_failed)?
    }

    async fn delete(&self, object: &Object) -> Result<(), ObjectError> {
        let delete = self.inner.delete(object);
        self.process.step("delete segment".into(), delete).await.map_err(object_failed)?
    }
}

fn object_failed(_: Failed) -> ObjectError {
    ObjectError::Failed("the test says so".to_owned())
}

impl<T: fmt::Debug> fmt::Display for Through<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a store of a process")
    }
}

type Store = Through<Arc<dyn ObjectStore>>;

/// What of the lake `path` is of: `facts log`, `ledger data`.
fn part(path: &Path) -> String {
    let mut parts = path.parts().skip(1).map(|part| part.as_ref().to_owned());
    let table = if parts.next().as_deref() == Some("sources") { "ledger" } else { "facts" };
    let what = if parts.next().as_deref() == Some("_delta_log") { "log" } else { "data" };
    format!("{table} {what}")
}

fn store_failed(_: Failed) -> object_store::Error {
    object_store::Error::Generic { store: "test", source: "the test says so".into() }
}

#[async_trait]
impl ObjectStore for Store {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> object_store::Result<PutResult> {
        let put = self.inner.put_opts(location, payload, opts);
        self.process.step(format!("put {}", part(location)), put).await.map_err(store_failed)?
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn get_opts(
        &self,
        location: &Path,
        options: GetOptions,
    ) -> object_store::Result<GetResult> {
        let get = self.inner.get_opts(location, options);
        self.process.step(format!("get {}", part(location)), get).await.map_err(store_failed)?
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        let process = Arc::clone(&self.process);
        let list = self.inner.list(prefix).collect::<Vec<_>>();
        let kind = format!("list {}", prefix.map(part).unwrap_or_default());
        futures::stream::once(async move {
            let listed = process.step(kind, list).await.map_err(store_failed);
            futures::stream::iter(listed.unwrap_or_else(|error| vec![Err(error)]))
        })
        .flatten()
        .boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        let list = self.inner.list_with_delimiter(prefix);
        self.process.step("list folders".into(), list).await.map_err(store_failed)?
    }

    async fn copy_opts(
        &self,
        from: &Path,
        to: &Path,
        options: CopyOptions,
    ) -> object_store::Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
