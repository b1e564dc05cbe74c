//! What log a segment is of that comes alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::discover::among;
use crate::objects::{Address, ObjectError, Objects};
use crate::retry;
use crate::segment::{Log, Named, Place};
use stagelight_lake::Layout;

/// Logs that are remembered.
const REMEMBERED: usize = 10_000;

/// The logs that a worker has met.
#[derive(Debug)]
pub(crate) struct Logs {
    objects: Arc<dyn Objects>,
    /// By bucket, folder and name; only those of which ApplicationStart was read.
    known: Mutex<HashMap<(Address, String), Arc<Log>>>,
}

impl Logs {
    pub(crate) fn new(objects: Arc<dyn Objects>) -> Self {
        Self { objects, known: Mutex::default() }
    }

    /// The log of the segment at `address`.
    pub(crate) async fn of(
        &self,
        address: &Address,
        named: &Named,
    ) -> Result<Arc<Log>, ObjectError> {
        let first = match named.layout {
            Layout::Single => Some((Place::Object(address.clone()), named.codec)),
            Layout::Rolling | Layout::Compacted | Layout::Dated => {
                if let Some(known) = self.known(address, named) {
                    return Ok(known);
                }
                self.first(address, named).await?
            }
        };
        let log = Arc::new(Log { name: named.log.clone(), first, identity: OnceLock::new() });
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if named.layout != Layout::Single {
            if known.len() >= REMEMBERED {
                known.clear();
            }
            known.insert(key(address, named), Arc::clone(&log));
        }
        Ok(log)
    }

    fn known(&self, address: &Address, named: &Named) -> Option<Arc<Log>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let log = known.get(&key(address, named))?;
        // Else there may be more of it by now.
        log.identity.get().is_some().then(|| Arc::clone(log))
    }

    /// Where the log begins, of what is there of it.
    async fn first(
        &self,
        address: &Address,
        named: &Named,
    ) -> Result<Option<(Place, stagelight_eventlog::Codec)>, ObjectError> {
        let folder = address.folder();
        let list = || self.objects.list(&folder, None);
        let page = match retry::objects(list).await {
            Ok(page) => page,
            // Who may not list has the name to go by.
            Err(ObjectError::Refused(reason)) => {
                tracing::warn!(reason, "application ids are read from names alone");
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let found = among(page.objects).segments;
        let mut of_log = found.into_iter().filter(|segment| segment.log.name == named.log);
        Ok(of_log.next().and_then(|segment| segment.log.first.clone()))
    }
}

fn key(address: &Address, named: &Named) -> (Address, String) {
    (address.folder(), named.log.clone())
}
