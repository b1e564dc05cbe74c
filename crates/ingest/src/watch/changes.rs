//! What a file system tells of a folder and all that is below.

use std::path::{Path, PathBuf};

use notify::event::{EventKind, ModifyKind, RenameMode};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};
use stagelight_eventlog::{LogLayout, LogName};
use tokio::sync::mpsc::UnboundedSender;

/// Something to be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// A file, or the folder of one log, may have other bytes.
    Place(PathBuf),
    /// A folder has come, and may have something in it.
    Folder(PathBuf),
    /// Some changes were not told.
    Missed(String),
}

/// Tells changes of a folder for as long as it lives.
#[derive(Debug)]
pub(super) struct Changes {
    _watcher: RecommendedWatcher,
}

impl Changes {
    /// Has changes of `folder`, and of all below, told to `changes`. This may take a moment: the
    /// folders below are walked through.
    pub(super) fn of(folder: &Path, changes: UnboundedSender<Change>) -> notify::Result<Self> {
        let tell = move |event: notify::Result<Event>| {
            let told = match event {
                Ok(event) if event.need_rescan() => vec![Change::Missed("too many".to_owned())],
                Ok(event) if is_news(&event.kind) => {
                    event.paths.iter().filter_map(|path| change(path)).collect()
                }
                Ok(_) => Vec::new(),
                Err(error) => vec![Change::Missed(error.to_string())],
            };
            for change in told {
                // Nobody listens only when all is over.
                let _ = changes.send(change);
            }
        };
        let mut watcher = notify::recommended_watcher(tell)?;
        watcher.watch(folder, RecursiveMode::Recursive)?;
        Ok(Self { _watcher: watcher })
    }
}

/// Whether there may be something to read. What only reads is told, too: we do that ourselves.
fn is_news(kind: &EventKind) -> bool {
    match kind {
        EventKind::Access(_) | EventKind::Remove(_) => false,
        EventKind::Modify(ModifyKind::Name(mode)) => *mode != RenameMode::From,
        _ => true,
    }
}

/// What to look at when something has changed at `path`.
fn change(path: &Path) -> Option<Change> {
    // What is gone by now is nothing to read, and behind a link stands a file with its own name.
    let path = path.canonicalize().ok()?;
    if path.is_dir() { Some(Change::Folder(path)) } else { place(&path).map(Change::Place) }
}

/// What is to be discovered to find all that is needed to read the file at `path`: the file, or the
/// folder of its log. `None` where Spark writes no events into it.
pub(super) fn place(path: &Path) -> Option<PathBuf> {
    let name = |path: &Path| Some(path.file_name()?.to_string_lossy().into_owned());
    let folder = path.parent()?;
    match LogName::parse(&name(folder).unwrap_or_default(), &name(path)?) {
        LogName::Segment { layout: LogLayout::Single, .. } => Some(path.to_owned()),
        LogName::Segment { .. } => Some(folder.to_owned()),
        LogName::Status { .. } | LogName::Other => None,
    }
}

#[cfg(test)]
mod tests {
    use notify::event::{AccessKind, AccessMode, CreateKind, DataChange, RemoveKind};

    use super::*;

    #[test]
    fn a_place_has_all_of_a_log() {
        let of = |path: &str| place(Path::new(path)).map(|place| place.display().to_string());
        for (path, expected) in [
            ("/logs/local-1.inprogress", Some("/logs/local-1.inprogress")),
            ("/logs/local-1.zstd", Some("/logs/local-1.zstd")),
            ("/logs/eventlog_v2_local-1/events_2_local-1", Some("/logs/eventlog_v2_local-1")),
            (
                "/logs/eventlog_v2_local-1/events_1_local-1.compact",
                Some("/logs/eventlog_v2_local-1"),
            ),
            ("/logs/eventlog_v2_local-1/appstatus_local-1.inprogress", None),
            ("/logs/.local-1.crc", None),
            ("/logs/cluster/eventlog", Some("/logs/cluster")),
        ] {
            assert_eq!(of(path).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn reading_is_no_news() {
        let modify = |what| EventKind::Modify(what);
        for (kind, news) in [
            (EventKind::Access(AccessKind::Open(AccessMode::Any)), false),
            (EventKind::Access(AccessKind::Close(AccessMode::Write)), false),
            (EventKind::Remove(RemoveKind::File), false),
            (modify(ModifyKind::Name(RenameMode::From)), false),
            (modify(ModifyKind::Name(RenameMode::To)), true),
            (modify(ModifyKind::Data(DataChange::Any)), true),
            (EventKind::Create(CreateKind::Folder), true),
            (EventKind::Any, true),
        ] {
            assert_eq!(is_news(&kind), news, "{kind:?}");
        }
    }
}
