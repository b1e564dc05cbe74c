//! The bytes of an object, part by part, for a thread that decodes.

use std::io::{self, Read};
use std::sync::{Arc, OnceLock};

use bytes::{Buf, Bytes};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::objects::{Address, Object, ObjectError, Objects};
use crate::retry;

/// Bytes that are asked for at once. Most segments are smaller.
pub(crate) const PART_BYTES: u64 = 4 << 20;
/// Parts of one object that are in memory: one is read, one waits, one is on its way.
pub(crate) const PARTS: u64 = 3;

/// An object that is being read.
pub(crate) struct Fetch {
    /// What it was when its first part came.
    pub(crate) object: Object,
    /// Its bytes.
    pub(crate) body: Body,
}

impl Fetch {
    /// Begins to read the object at `address`, of which `etag` is expected where it is given, and
    /// is done when the first part is there.
    pub(crate) async fn begin(
        objects: &Arc<dyn Objects>,
        address: &Address,
        etag: Option<&str>,
    ) -> Result<Self, ObjectError> {
        let first = retry::objects(|| objects.get(address, etag, 0..PART_BYTES)).await?;
        let object = first.object;
        let failure = Arc::new(OnceLock::new());
        let (sender, parts) = mpsc::channel(1);
        let rest = Rest {
            objects: Arc::clone(objects),
            object: object.clone(),
            failure: Arc::clone(&failure),
            sender,
        };
        let at = first.bytes.len() as u64;
        let fetching = (at < object.size)
            .then(|| AbortOnDropHandle::new(Handle::current().spawn(rest.fetch(at))));
        let body = Body { current: first.bytes, parts, failure, _fetching: fetching };
        Ok(Self { object, body })
    }
}

/// What comes after the first part.
struct Rest {
    objects: Arc<dyn Objects>,
    object: Object,
    failure: Arc<OnceLock<ObjectError>>,
    sender: mpsc::Sender<Bytes>,
}

impl Rest {
    async fn fetch(self, mut at: u64) {
        let Object { address, etag, size, .. } = &self.object;
        while at < *size {
            let range = at..(at + PART_BYTES).min(*size);
            let get = || self.objects.get(address, Some(etag), range.clone());
            let part = retry::objects(get).await.and_then(|part| {
                let whole = part.bytes.len() as u64 == range.end - range.start;
                whole
                    .then_some(part)
                    .ok_or_else(|| ObjectError::Failed("it ended early".to_owned()))
            });
            match part {
                Ok(part) => {
                    at = range.end;
                    if self.sender.send(part.bytes).await.is_err() {
                        // Nobody reads on.
                        return;
                    }
                }
                Err(error) => {
                    // Nobody else sets it.
                    let _ = self.failure.set(error);
                    return;
                }
            }
        }
    }
}

/// The bytes of an object. To be read by a thread that may wait; what was to come is not fetched
/// when this is dropped.
pub(crate) struct Body {
    current: Bytes,
    parts: mpsc::Receiver<Bytes>,
    failure: Arc<OnceLock<ObjectError>>,
    _fetching: Option<AbortOnDropHandle<()>>,
}

impl Body {
    /// Tells, once the body is read, whether all of it was: what decodes it cannot know.
    pub(crate) fn failure(&self) -> Arc<OnceLock<ObjectError>> {
        Arc::clone(&self.failure)
    }
}

impl Read for Body {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.current.is_empty()
            && let Some(part) = self.parts.blocking_recv()
        {
            self.current = part;
        }
        if let (true, Some(error)) = (self.current.is_empty(), self.failure.get()) {
            return Err(io::Error::other(error.clone()));
        }
        let read = out.len().min(self.current.len());
        self.current.copy_to_slice(&mut out[..read]);
        Ok(read)
    }
}
