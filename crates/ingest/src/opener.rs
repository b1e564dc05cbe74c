//! Opening what segments are in.

use std::fs::File;
use std::io::{self, Read, Take};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use stagelight_eventlog::{Codec, open};
use tokio::runtime::Handle;

use crate::fetch::{Body, Fetch};
use crate::objects::{Address, ObjectError, Objects};
use crate::segment::Place;

/// The bytes of a file of an event log, decompressed.
///
/// # Errors
///
/// Where it cannot be read, or is not what its codec writes.
pub fn unpacked(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let packed = File::open(path)?;
    // Its first bytes say more than a name would.
    let mut input = open(Codec::None, packed).map_err(io::Error::other)?;
    input.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Opens places.
#[derive(Clone)]
pub(crate) struct Opener {
    objects: Option<Arc<dyn Objects>>,
    runtime: Handle,
}

/// Bytes to be read by a thread that may wait.
pub(crate) enum Source {
    /// Of a file on this machine.
    File(File),
    /// Of an object.
    Object(Body),
}

impl Opener {
    /// Opens files, and objects of `objects` where there is such a store.
    pub(crate) fn new(objects: Option<Arc<dyn Objects>>) -> Self {
        Self { objects, runtime: Handle::current() }
    }

    /// Opens `place`, from a thread that may wait.
    pub(crate) fn open(&self, place: &Place) -> Result<Source, OpenError> {
        match place {
            Place::File(path) => Ok(Source::File(File::open(path)?)),
            Place::Object(address) => {
                let fetch = self.runtime.block_on(self.fetch(address, None))?;
                Ok(Source::Object(fetch.body))
            }
        }
    }

    /// Begins to read the object at `address`. Where it has changed since somebody said that its
    /// ETag is `etag`, the object that is there now.
    pub(crate) async fn fetch(
        &self,
        address: &Address,
        etag: Option<&str>,
    ) -> Result<Fetch, ObjectError> {
        let objects = self.objects.as_ref().ok_or_else(|| {
            ObjectError::Refused(format!("{address}: there is no access to buckets here"))
        })?;
        match Fetch::begin(objects, address, etag).await {
            Err(ObjectError::Changed) => {
                let now = crate::retry::objects(|| objects.head(address)).await?;
                let again = Fetch::begin(objects, address, Some(&now.etag)).await;
                again.map_err(|error| match error {
                    ObjectError::Changed => ObjectError::Failed("it changes all the time".into()),
                    other => other,
                })
            }
            result => result,
        }
    }
}

/// Why a place could not be opened.
#[derive(Debug)]
pub(crate) enum OpenError {
    Io(io::Error),
    Object(ObjectError),
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ObjectError> for OpenError {
    fn from(error: ObjectError) -> Self {
        Self::Object(error)
    }
}

impl Source {
    /// The bytes up to `size`: those that were found, whatever is written behind them meanwhile.
    pub(crate) fn up_to(self, size: u64) -> Take<Self> {
        self.take(size)
    }

    /// The file, where it is one: to be asked how it is once its bytes are read.
    pub(crate) fn file(&self) -> Option<File> {
        match self {
            Self::File(file) => file.try_clone().ok(),
            Self::Object(_) => None,
        }
    }

    /// What tells, once the bytes are read, whether an object's were all given.
    pub(crate) fn failure(&self) -> Option<Arc<OnceLock<ObjectError>>> {
        match self {
            Self::File(_) => None,
            Self::Object(body) => Some(body.failure()),
        }
    }
}

impl Read for Source {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read(out),
            Self::Object(body) => body.read(out),
        }
    }
}
