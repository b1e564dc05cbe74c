//! Segments under the paths that a user names.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Utc};
use stagelight_eventlog::{Codec, Identity, LogLayout, LogName};
use stagelight_lake::{Layout, SourceId};
use walkdir::WalkDir;

use crate::quarantine::Problem;

/// What was found.
#[derive(Debug, Default)]
pub struct Discovery {
    /// The segments, largest first, so that the last ones to be read are small.
    pub segments: Vec<Segment>,
    /// How many logs they are of.
    pub logs: usize,
    /// Files that Spark writes no events into, by their names.
    pub skipped: usize,
    /// What stands in the way of finding more.
    pub problems: Vec<(SourceId, String, Problem)>,
}

/// One file of a log.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Where it is and which bytes are meant.
    pub source: SourceId,
    /// Where it is on this machine.
    pub path: PathBuf,
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

/// What the segments of a log share.
#[derive(Debug)]
pub struct Log {
    /// `<app>[_<attempt>]`.
    pub name: String,
    /// Where the log begins, if that is among the segments that were found.
    pub first: Option<(PathBuf, Codec)>,
    /// Which application attempt it is of, once somebody has looked.
    pub identity: OnceLock<Identity>,
}

/// Finds every segment that is one of `paths` or below one.
pub fn discover(paths: &[PathBuf]) -> Discovery {
    let mut found = Found::default();
    for path in paths {
        found.visit(path);
    }
    found.finish()
}

#[derive(Default)]
struct Found {
    /// By folder and name of the log.
    logs: BTreeMap<(PathBuf, String), BTreeMap<PathBuf, File>>,
    discovery: Discovery,
}

struct File {
    index: u64,
    layout: Layout,
    codec: Codec,
    source: SourceId,
    display: String,
    size: u64,
    modified: DateTime<Utc>,
}

impl Found {
    fn visit(&mut self, path: &Path) {
        let root = match path.canonicalize() {
            Ok(root) => root,
            Err(error) => return self.unreadable(path, &error),
        };
        let before = self.files();
        let problems = self.discovery.problems.len();
        for entry in WalkDir::new(&root).follow_links(true).sort_by_file_name() {
            match entry {
                Ok(entry) if entry.file_type().is_dir() => {}
                Ok(entry) => match entry.metadata() {
                    Ok(metadata) => self.file(entry.path(), &metadata),
                    Err(error) => self.unreadable(entry.path(), &error.into()),
                },
                Err(error) => {
                    let at = error.path().unwrap_or(&root).to_owned();
                    self.unreadable(&at, &error.into());
                }
            }
        }
        if self.files() == before && self.discovery.problems.len() == problems {
            self.problem(&root, Problem::NoSegments);
        }
    }

    fn files(&self) -> usize {
        self.logs.values().map(BTreeMap::len).sum()
    }

    fn file(&mut self, path: &Path, metadata: &Metadata) {
        // Behind a link stands a file that has its own name, and may be found by that too.
        let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let folder = path.parent().unwrap_or(Path::new(""));
        let folder_name = folder.file_name().unwrap_or_default().to_string_lossy();
        let file_name = path.file_name().unwrap_or_default().to_string_lossy();
        match LogName::parse(&folder_name, &file_name) {
            LogName::Segment { log, layout, index, codec, compacted, in_progress: _ } => {
                let file = File {
                    index,
                    layout: match layout {
                        _ if compacted => Layout::Compacted,
                        LogLayout::Single => Layout::Single,
                        LogLayout::Rolling => Layout::Rolling,
                        LogLayout::Dated => Layout::Dated,
                    },
                    codec,
                    source: source(path, metadata),
                    display: display(path),
                    size: metadata.len(),
                    modified: modified(metadata).into(),
                };
                let key = (folder.to_owned(), log);
                self.logs.entry(key).or_default().insert(path.to_owned(), file);
            }
            LogName::Status { log, .. } => {
                // An empty entry: a log without segments is worth a word.
                self.logs.entry((folder.to_owned(), log)).or_default();
            }
            LogName::Other => self.discovery.skipped += 1,
        }
    }

    fn unreadable(&mut self, path: &Path, error: &io::Error) {
        self.problem(path, Problem::Unreadable(error.to_string()));
    }

    fn problem(&mut self, path: &Path, problem: Problem) {
        let source = SourceId { uri: uri(path), etag: String::new() };
        self.discovery.problems.push((source, display(path), problem));
    }

    fn finish(mut self) -> Discovery {
        for ((folder, name), files) in std::mem::take(&mut self.logs) {
            if files.is_empty() {
                self.problem(&folder, Problem::NoSegments);
                continue;
            }
            let first = files.iter().min_by_key(|(_, file)| file.index);
            let log = Arc::new(Log {
                name,
                first: first.map(|(path, file)| (path.clone(), file.codec)),
                identity: OnceLock::new(),
            });
            self.discovery.logs += 1;
            self.discovery.segments.extend(files.into_iter().map(|(path, file)| Segment {
                source: file.source,
                path,
                display: file.display,
                size: file.size,
                modified: file.modified,
                index: file.index,
                layout: file.layout,
                codec: file.codec,
                log: Arc::clone(&log),
            }));
        }
        self.discovery.segments.sort_by_key(|segment| std::cmp::Reverse(segment.size));
        self.discovery
    }
}

fn source(path: &Path, metadata: &Metadata) -> SourceId {
    let since = modified(metadata).duration_since(UNIX_EPOCH).unwrap_or_default();
    let modified = since.as_nanos();
    SourceId { uri: uri(path), etag: format!("{modified:x}-{:x}", metadata.len()) }
}

/// 1970 where the file system does not say.
fn modified(metadata: &Metadata) -> SystemTime {
    metadata.modified().unwrap_or(UNIX_EPOCH)
}

fn uri(path: &Path) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    url::Url::from_file_path(&absolute)
        .map_or_else(|()| absolute.to_string_lossy().into_owned(), Into::into)
}

fn display(path: &Path) -> String {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    match path.parent().map(name) {
        Some(folder) if folder.starts_with("eventlog_v2_") => format!("{folder}/{}", name(path)),
        _ => name(path),
    }
}
