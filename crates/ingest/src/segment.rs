//! A file of a log: where it is, which bytes are meant, and what its name says.

use std::fs::Metadata;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Utc};
use stagelight_eventlog::{Codec, Identity, LogLayout, LogName};
use stagelight_lake::{Layout, SourceId};

use crate::objects::{Address, Object};

/// One file of a log.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Where it is and which bytes are meant.
    pub source: SourceId,
    /// Where its bytes are to be had.
    pub place: Place,
    /// Its name and, of a rolling log, the folder that it is in.
    pub display: String,
    /// Its size in bytes, compressed.
    pub size: u64,
    /// When it was last changed.
    pub modified: DateTime<Utc>,
    /// Its roll index.
    pub index: u64,
    /// How it relates to others of its log.
    pub layout: Layout,
    /// Its codec, by its name.
    pub codec: Codec,
    /// What the segments of a log share.
    pub log: Arc<Log>,
}

impl Segment {
    /// The segment that `object` is, now that its bytes are there.
    pub(crate) fn of(self, object: &Object) -> Self {
        Self { source: source(object), size: object.size, modified: object.modified, ..self }
    }

    /// The segment that the file is which was opened: it may have grown since it was found, or
    /// another may have taken its place.
    pub(crate) fn of_file(self, metadata: &Metadata) -> Self {
        let source = SourceId { uri: self.source.uri, etag: etag(metadata) };
        Self { source, size: metadata.len(), modified: modified(metadata).into(), ..self }
    }
}

/// Where bytes are to be had.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// On this machine.
    File(PathBuf),
    /// In a bucket.
    Object(Address),
}

/// What the segments of a log share.
#[derive(Debug)]
pub struct Log {
    /// `<app>[_<attempt>]`.
    pub name: String,
    /// Where the log begins, if that is among the segments that were found.
    pub first: Option<(Place, Codec)>,
    /// Which application attempt it is of, once somebody has looked.
    pub identity: OnceLock<Identity>,
}

/// What the name of a file says of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// The name of its log.
    pub(crate) log: String,
    pub(crate) index: u64,
    pub(crate) layout: Layout,
    pub(crate) codec: Codec,
}

/// What the name of a file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FileName {
    Segment(Named),
    /// The status of the log of that name.
    Status(String),
    /// Spark writes no events into it.
    Other,
}

impl FileName {
    /// Reads the names of a folder and of a file in it.
    pub(crate) fn parse(folder: &str, file: &str) -> Self {
        match LogName::parse(folder, file) {
            LogName::Segment { log, layout, index, codec, compacted, in_progress: _ } => {
                let layout = match layout {
                    _ if compacted => Layout::Compacted,
                    LogLayout::Single => Layout::Single,
                    LogLayout::Rolling => Layout::Rolling,
                    LogLayout::Dated => Layout::Dated,
                };
                Self::Segment(Named { log, index, layout, codec })
            }
            LogName::Status { log, .. } => Self::Status(log),
            LogName::Other => Self::Other,
        }
    }
}

/// The identity of an object's bytes.
pub(crate) fn source(object: &Object) -> SourceId {
    SourceId { uri: object.address.to_string(), etag: object.etag.clone() }
}

/// What changes when the bytes of a file do.
pub(crate) fn etag(metadata: &Metadata) -> String {
    let since = modified(metadata).duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{:x}-{:x}", since.as_nanos(), metadata.len())
}

/// 1970 where the file system does not say.
pub(crate) fn modified(metadata: &Metadata) -> SystemTime {
    metadata.modified().unwrap_or(UNIX_EPOCH)
}

/// A file's name and, of a rolling log, the folder that it is in.
pub(crate) fn display(folder: &str, file: &str) -> String {
    if folder.starts_with("eventlog_v2_") { format!("{folder}/{file}") } else { file.to_owned() }
}
