//! Which logs are deleted where Spark has put them: what its `spark.history.fs.cleaner` does, and
//! only of logs that the lake has whole.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use stagelight_eventlog::{LogLayout, LogName};
use stagelight_lake::{Ledger, SourceId};
use thiserror::Error;
use walkdir::WalkDir;

use crate::discover::{file_source, names, uri};
use crate::objects::{Address, Object, ObjectError, Objects};
use crate::retry;
use crate::segment::{Place, modified, source};

/// Which logs are to go. A log that any of the limits is against goes, the oldest first.
#[derive(Clone, Copy, Debug, Default)]
pub struct Retention {
    /// Logs that were last changed longer ago (`spark.history.fs.cleaner.maxAge`).
    pub max_age: Option<Duration>,
    /// As many logs may stay (`spark.history.fs.cleaner.maxNum`).
    pub max_logs: Option<usize>,
    /// All logs together may have so many bytes.
    pub max_bytes: Option<u64>,
    /// Only tell what would be deleted.
    pub dry_run: bool,
}

/// A log, as it was found.
#[derive(Clone, Debug)]
pub struct FoundLog {
    /// Its folder, or the file that it is.
    pub uri: String,
    /// Bytes of all its files.
    pub bytes: u64,
    /// When one of its files was last changed.
    pub modified: DateTime<Utc>,
    /// Whether its application has ended, as far as names tell.
    pub has_ended: bool,
    /// Whether the ledger has all of it.
    pub is_in: bool,
    files: Vec<File>,
}

#[derive(Clone, Debug)]
struct File {
    name: LogName,
    source: SourceId,
    place: Place,
    size: u64,
    modified: DateTime<Utc>,
}

/// What became of the logs at a place.
#[derive(Clone, Debug, Default)]
pub struct Cleaned {
    /// Logs that are there, or were.
    pub logs: usize,
    /// Those that were deleted, or would be.
    pub deleted: Vec<FoundLog>,
    /// Those that would be, were they in the lake as a whole.
    pub not_in: Vec<FoundLog>,
    /// What could not be looked at or deleted, by its URI, and why not. Of a log that stands here the
    /// end may be gone; the next run deletes the rest.
    pub failed: Vec<(String, String)>,
}

/// Why no logs could be deleted, or no more.
#[derive(Debug, Error)]
pub enum CleanError {
    /// The folder cannot be read.
    #[error("reading the folder of logs: {0}")]
    Folder(#[from] walkdir::Error),
    /// The bucket cannot be listed, or is not reached any more.
    #[error("{uri}: {error}")]
    Object {
        /// The object or the prefix.
        uri: String,
        /// What the store says.
        error: ObjectError,
    },
}

impl CleanError {
    fn object(address: &Address) -> impl FnOnce(ObjectError) -> Self {
        move |error| Self::Object { uri: address.to_string(), error }
    }
}

/// Why a log could not be deleted.
enum DeleteError {
    /// One of its files cannot be: others may.
    File(String),
    /// The store is not reached.
    Store(CleanError),
}

/// Deletes of the logs below `place` what `retention` says, if `ledger` has it.
///
/// # Errors
///
/// [`CleanError`]; what was deleted before that is gone.
pub async fn clean(
    place: &Place,
    objects: &Arc<dyn Objects>,
    ledger: &Ledger,
    retention: &Retention,
) -> Result<Cleaned, CleanError> {
    let (files, failed) = match place {
        Place::File(folder) => files(folder)?,
        Place::Object(prefix) => (objects_below(objects, prefix).await?, Vec::new()),
    };
    let logs = logs(files, ledger);
    let mut cleaned = Cleaned { logs: logs.len(), failed, ..Cleaned::default() };
    for (log, goes) in due(logs, retention, Utc::now()) {
        if !goes {
            cleaned.not_in.push(log);
            continue;
        }
        match if retention.dry_run { Ok(()) } else { delete(&log, objects).await } {
            Ok(()) => cleaned.deleted.push(log),
            Err(DeleteError::File(reason)) => cleaned.failed.push((log.uri, reason)),
            Err(DeleteError::Store(error)) => return Err(error),
        }
    }
    Ok(cleaned)
}

type Files = Vec<(String, File)>;

/// The files below `folder`, each with the URI of the folder that it is in, and what could not be
/// looked at: no file is given of a folder of which not all is known.
fn files(folder: &Path) -> Result<(Files, Vec<(String, String)>), walkdir::Error> {
    // As `ingest` has it.
    let canonical = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut files = Vec::new();
    let mut failed = Vec::new();
    let mut half_known = HashSet::new();
    for entry in WalkDir::new(folder).sort_by_file_name() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => match error.path() {
                Some(_) if error.depth() > 0 && is_gone(&error) => continue,
                Some(path) if error.depth() > 0 => {
                    half_known.insert(uri(&canonical(path)));
                    failed.push((uri(path), error.to_string()));
                    continue;
                }
                _ => return Err(error),
            },
        };
        if !entry.file_type().is_file() {
            continue;
        }
        let path = canonical(entry.path());
        let in_folder = uri(path.parent().unwrap_or(Path::new("")));
        let metadata = match entry.metadata() {
            Ok(metadata) => metadata,
            // It got another name, or was deleted, since the folder was read.
            Err(error) if is_gone(&error) => continue,
            Err(error) => {
                half_known.insert(in_folder);
                failed.push((uri(&path), error.to_string()));
                continue;
            }
        };
        let (folder, name) = names(&path);
        let file = File {
            name: LogName::parse(&folder, &name),
            source: file_source(&path, &metadata),
            size: metadata.len(),
            modified: modified(&metadata).into(),
            place: Place::File(path),
        };
        files.push((in_folder, file));
    }
    files.retain(|(folder, _)| !half_known.contains(folder));
    Ok((files, failed))
}

fn is_gone(error: &walkdir::Error) -> bool {
    error.io_error().is_some_and(is_not_found)
}

fn is_not_found(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

async fn objects_below(objects: &Arc<dyn Objects>, prefix: &Address) -> Result<Files, CleanError> {
    let mut files = Vec::new();
    let mut page = None;
    loop {
        let listed = retry::objects(|| objects.list(prefix, page.as_deref())).await;
        let listed = listed.map_err(CleanError::object(prefix))?;
        for object in listed.objects.into_iter().filter(|found| prefix.contains(&found.address)) {
            let (folder, name) = object.address.folder_and_file();
            let file = File {
                name: LogName::parse(folder, name),
                source: source(&object),
                size: object.size,
                modified: object.modified,
                place: Place::Object(object.address.clone()),
            };
            files.push((object.address.folder().to_string(), file));
        }
        page = listed.next;
        if page.is_none() {
            return Ok(files);
        }
    }
}

/// Puts together the files of each log.
fn logs(files: Files, ledger: &Ledger) -> Vec<FoundLog> {
    let mut by_log: BTreeMap<(String, String), Vec<File>> = BTreeMap::new();
    for (folder, file) in files {
        let (LogName::Segment { log, .. } | LogName::Status { log, .. }) = &file.name else {
            continue;
        };
        by_log.entry((folder, log.clone())).or_default().push(file);
    }
    by_log
        .into_iter()
        .map(|((folder, name), files)| FoundLog::new(&folder, &name, files, ledger))
        .collect()
}

impl FoundLog {
    fn new(folder: &str, name: &str, files: Vec<File>, ledger: &Ledger) -> Self {
        let is_single =
            |file: &File| matches!(file.name, LogName::Segment { layout: LogLayout::Single, .. });
        let uri = match &files[..] {
            [file] if is_single(file) => file.source.uri.clone(),
            files if files.iter().all(is_single) => {
                format!("{}/{name}", folder.trim_end_matches('/'))
            }
            _ => folder.to_owned(),
        };
        let segments = || files.iter().filter(|file| matches!(file.name, LogName::Segment { .. }));
        Self {
            uri,
            bytes: files.iter().map(|file| file.size).sum(),
            modified: files.iter().map(|file| file.modified).max().unwrap_or_default(),
            has_ended: has_ended(&files),
            is_in: segments().count() > 0
                && is_complete(&files)
                && segments().all(|file| ledger.has_all_of(&file.source)),
            files,
        }
    }
}

/// Whether names say that no more events come.
fn has_ended(files: &[File]) -> bool {
    let mut ended = false;
    for file in files {
        match file.name {
            LogName::Segment { in_progress: true, .. }
            | LogName::Status { in_progress: true, .. } => {
                return false;
            }
            LogName::Segment { layout: LogLayout::Single, .. } | LogName::Status { .. } => {
                ended = true
            }
            _ => {}
        }
    }
    ended
}

/// Whether no file of the log is missing between its first and its last.
fn is_complete(files: &[File]) -> bool {
    let mut indices: Vec<u64> = Vec::new();
    let mut compacted = None;
    for file in files {
        if let LogName::Segment { index, compacted: is_compacted, .. } = file.name {
            indices.push(index);
            compacted = compacted.max(is_compacted.then_some(index));
        }
    }
    indices.retain(|index| Some(*index) >= compacted);
    indices.sort_unstable();
    indices.dedup();
    let first = indices.first().copied();
    let starts = first.is_some_and(|first| first <= 1 || compacted.is_some());
    starts && indices.windows(2).all(|pair| pair[1] == pair[0] + 1)
}

/// The logs that `retention` is against, the oldest first, and whether they go: they stay where they
/// are not in the lake. Those that may still grow are not touched at all.
fn due(
    mut logs: Vec<FoundLog>,
    retention: &Retention,
    now: DateTime<Utc>,
) -> Vec<(FoundLog, bool)> {
    let mut left = logs.len();
    let mut bytes: u64 = logs.iter().map(|log| log.bytes).sum();
    logs.sort_by(|a, b| (a.modified, &a.uri).cmp(&(b.modified, &b.uri)));
    let mut due = Vec::new();
    for log in logs.into_iter().filter(|log| log.has_ended) {
        let age = (now - log.modified).to_std().unwrap_or_default();
        let is_due = retention.max_age.is_some_and(|max| age > max)
            || retention.max_logs.is_some_and(|max| left > max)
            || retention.max_bytes.is_some_and(|max| bytes > max);
        if !is_due {
            continue;
        }
        if log.is_in {
            left -= 1;
            bytes -= log.bytes;
        }
        let goes = log.is_in;
        due.push((log, goes));
    }
    due
}

/// Deletes the files of a log: the last one first, so that what is left is the beginning of a log,
/// and what says that it has ended when nothing else is left.
async fn delete(log: &FoundLog, objects: &Arc<dyn Objects>) -> Result<(), DeleteError> {
    let mut files: Vec<&File> = log.files.iter().collect();
    files.sort_by_key(|file| match file.name {
        LogName::Segment { index, .. } => Reverse(index + 1),
        _ => Reverse(0),
    });
    for file in files {
        match &file.place {
            Place::File(path) => delete_file(path, file)
                .map_err(|error| DeleteError::File(format!("{}: {error}", path.display())))?,
            Place::Object(address) => {
                let object = Object {
                    address: address.clone(),
                    etag: file.source.etag.clone(),
                    size: file.size,
                    modified: file.modified,
                };
                match retry::objects(|| objects.delete(&object)).await {
                    // It has gone, or somebody has written another: that is to be read first.
                    Ok(()) | Err(ObjectError::Gone | ObjectError::Changed) => {}
                    Err(ObjectError::Refused(reason)) => {
                        return Err(DeleteError::File(format!("{address}: {reason}")));
                    }
                    Err(error @ ObjectError::Failed(_)) => {
                        return Err(DeleteError::Store(CleanError::object(address)(error)));
                    }
                }
            }
        }
    }
    // A folder with something else in it is left.
    if let Some(Place::File(path)) = log.files.first().map(|file| &file.place)
        && let Some(folder) = path.parent()
        && names(path).0.starts_with("eventlog_v2_")
        && let Err(error) = std::fs::remove_dir(folder)
    {
        tracing::debug!(folder = %folder.display(), %error, "a folder was left");
    }
    tracing::info!(log = log.uri, bytes = log.bytes, "deleted");
    Ok(())
}

/// Deletes a file, if it is still the one that was found.
fn delete_file(path: &Path, file: &File) -> io::Result<()> {
    match std::fs::metadata(path) {
        Ok(now) if file_source(path, &now) == file.source => {
            std::fs::remove_file(path)?;
            // Hadoop's checksum of it, where it is of a file system that has them.
            let (_, name) = names(path);
            let _ = std::fs::remove_file(path.with_file_name(format!(".{name}.crc")));
            Ok(())
        }
        Ok(_) => Ok(()),
        Err(error) if is_not_found(&error) => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(name: &str) -> File {
        let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
        File {
            name: LogName::parse(folder, file),
            source: SourceId { uri: name.to_owned(), etag: "1".to_owned() },
            place: Place::File(name.into()),
            size: 1,
            modified: DateTime::UNIX_EPOCH,
        }
    }

    fn files(names: &[&str]) -> Vec<File> {
        names.iter().map(|name| file(name)).collect()
    }

    #[test]
    fn a_folder_that_cannot_be_read_hides_no_logs_but_its_own() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("app-1"), "").expect("a file");
        // Its path is longer than the system takes, which even root cannot read.
        let deep = "d".repeat(250);
        let made = std::process::Command::new("sh")
            .args(["-c", "for n in $(seq 20); do mkdir $0 && cd -P $0 && >app-2; done", &deep])
            .current_dir(folder.path())
            .status();
        assert!(made.expect("a shell").success());
        let (files, failed) = super::files(folder.path()).expect("the folder can be read");
        assert!(files.iter().any(|(_, file)| file.source.uri.ends_with("/app-1")));
        assert!(files.iter().any(|(_, file)| file.source.uri.ends_with("/app-2")));
        assert!(!failed.is_empty() && files.len() < 21, "{failed:?}");
        assert!(super::files(&folder.path().join("none")).is_err());
    }

    #[test]
    fn names_tell_whether_a_log_has_ended() {
        for (names, ended) in [
            (&["local-1"][..], true),
            (&["local-1.inprogress"], false),
            (&["local-1", "local-1.inprogress"], false),
            (&["eventlog_v2_a/events_1_a", "eventlog_v2_a/appstatus_a"], true),
            (&["eventlog_v2_a/events_1_a", "eventlog_v2_a/appstatus_a.inprogress"], false),
            (&["eventlog_v2_a/events_1_a"], false),
        ] {
            assert_eq!(has_ended(&files(names)), ended, "{names:?}");
        }
    }

    #[test]
    fn a_log_with_a_gap_is_not_complete() {
        let events = |indices: &[&str]| {
            let names = indices.iter().map(|index| format!("eventlog_v2_a/events_{index}"));
            names.map(|name| file(&name)).collect::<Vec<_>>()
        };
        assert!(is_complete(&events(&["1_a", "2_a", "3_a"])));
        assert!(is_complete(&events(&["0_a", "1_a"])));
        assert!(is_complete(&events(&["1_a", "2_a.compact", "3_a"])));
        assert!(is_complete(&events(&["4_a.compact", "5_a"])));
        assert!(!is_complete(&events(&["1_a", "3_a"])));
        assert!(!is_complete(&events(&["2_a", "3_a"])));
        assert!(!is_complete(&events(&["2_a.compact", "4_a"])));
        assert!(!is_complete(&[]));
    }

    fn log(days: i64, bytes: u64, has_ended: bool, is_in: bool) -> FoundLog {
        FoundLog {
            uri: format!("{days}-{bytes}"),
            bytes,
            modified: DateTime::UNIX_EPOCH - chrono::TimeDelta::days(days),
            has_ended,
            is_in,
            files: Vec::new(),
        }
    }

    fn gone(logs: Vec<FoundLog>, retention: Retention) -> Vec<String> {
        let due = due(logs, &retention, DateTime::UNIX_EPOCH).into_iter();
        due.filter(|(_, goes)| *goes).map(|(log, _)| log.uri).collect()
    }

    #[test]
    fn each_limit_takes_the_oldest() {
        let logs = || vec![log(1, 10, true, true), log(9, 20, true, true), log(5, 30, true, true)];
        let none = Retention::default();
        assert!(gone(logs(), none).is_empty());
        let age = Some(Duration::from_secs(4 * 86_400));
        assert_eq!(gone(logs(), Retention { max_age: age, ..none }), ["9-20", "5-30"]);
        assert_eq!(gone(logs(), Retention { max_logs: Some(2), ..none }), ["9-20"]);
        assert_eq!(gone(logs(), Retention { max_bytes: Some(40), ..none }), ["9-20"]);
        assert_eq!(gone(logs(), Retention { max_bytes: Some(39), ..none }), ["9-20", "5-30"]);
    }

    proptest! {
        #[test]
        fn what_grows_or_is_not_in_stays(
            logs in prop::collection::vec(
                (0..100_i64, 0..100_u64, any::<bool>(), any::<bool>()), 0..20
            ),
            max_age in prop::option::of(0..100_u64),
            max_logs in prop::option::of(0..20_usize),
            max_bytes in prop::option::of(0..1000_u64),
        ) {
            let logs: Vec<_> = logs
                .into_iter()
                .map(|(days, bytes, ended, is_in)| log(days, bytes, ended, is_in))
                .collect();
            let max_age = max_age.map(|days| Duration::from_secs(days * 86_400));
            let retention = Retention { max_age, max_logs, max_bytes, dry_run: false };
            let due = due(logs.clone(), &retention, DateTime::UNIX_EPOCH);
            for (log, goes) in &due {
                prop_assert!(log.has_ended);
                prop_assert_eq!(*goes, log.is_in);
            }
            // What may go goes, as long as a limit is against it.
            let goes = due.iter().filter(|(_, goes)| *goes);
            let left = logs.len() - goes.clone().count();
            let may_go = logs.iter().filter(|log| log.has_ended && log.is_in).count();
            if let Some(max) = max_logs && goes.count() < may_go {
                prop_assert!(left <= max);
            }
        }
    }
}
