//! Segments under the paths that a user names.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, Utc};
use stagelight_lake::SourceId;
use walkdir::WalkDir;

use crate::objects::Object;
use crate::quarantine::Problem;
use crate::segment::{FileName, Log, Named, Place, Segment, display, etag, modified, source};

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

/// Finds every segment that is one of `paths` or below one.
pub fn discover(paths: &[PathBuf]) -> Discovery {
    let mut found = Found::default();
    for path in paths {
        found.visit(path);
    }
    found.finish()
}

/// The segments among the objects that are `there`: all that there are of each log.
pub(crate) fn among(there: Vec<Object>) -> Discovery {
    let mut found = Found::default();
    for object in there {
        let address = object.address.clone();
        let (folder, file) = address.folder_and_file();
        found.add(
            &address.folder().to_string(),
            FileName::parse(folder, file),
            File {
                source: source(&object),
                place: Place::Object(object.address),
                display: display(folder, file),
                size: object.size,
                modified: object.modified,
            },
        );
    }
    found.finish()
}

#[derive(Default)]
struct Found {
    /// By the folder's URI and the name of the log.
    logs: BTreeMap<(String, String), BTreeMap<Place, (Named, File)>>,
    discovery: Discovery,
}

struct File {
    source: SourceId,
    place: Place,
    display: String,
    size: u64,
    modified: DateTime<Utc>,
}

impl Found {
    fn visit(&mut self, path: &Path) {
        let root = match path.canonicalize() {
            Ok(root) => root,
            Err(error) => {
                let source = SourceId { uri: uri(path), etag: String::new() };
                let problem = Problem::Unreadable(error.to_string());
                return self.discovery.problems.push((source, path.display().to_string(), problem));
            }
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
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let folder = uri(path.parent().unwrap_or(Path::new("")));
        let (folder_name, file_name) = names(&path);
        let file = File {
            source: file_source(&path, metadata),
            display: display(&folder_name, &file_name),
            size: metadata.len(),
            modified: modified(metadata).into(),
            place: Place::File(path),
        };
        self.add(&folder, FileName::parse(&folder_name, &file_name), file);
    }

    fn add(&mut self, folder: &str, name: FileName, file: File) {
        match name {
            FileName::Segment(named) => {
                let key = (folder.to_owned(), named.log.clone());
                self.logs.entry(key).or_default().insert(file.place.clone(), (named, file));
            }
            FileName::Status(log) => {
                // An empty entry: a log without segments is worth a word.
                self.logs.entry((folder.to_owned(), log)).or_default();
            }
            FileName::Other => self.discovery.skipped += 1,
        }
    }

    fn unreadable(&mut self, path: &Path, error: &io::Error) {
        self.problem(path, Problem::Unreadable(error.to_string()));
    }

    fn problem(&mut self, path: &Path, problem: Problem) {
        let source = SourceId { uri: uri(path), etag: String::new() };
        let (folder, file) = names(path);
        self.discovery.problems.push((source, display(&folder, &file), problem));
    }

    fn finish(mut self) -> Discovery {
        for ((folder, name), files) in std::mem::take(&mut self.logs) {
            if files.is_empty() {
                let display = folder.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
                let display = display.to_owned();
                let source = SourceId { uri: folder, etag: String::new() };
                self.discovery.problems.push((source, display, Problem::NoSegments));
                continue;
            }
            let first = files.iter().min_by_key(|(_, (named, _))| named.index);
            let log = Arc::new(Log {
                name,
                first: first.map(|(place, (named, _))| (place.clone(), named.codec)),
                identity: OnceLock::new(),
            });
            self.discovery.logs += 1;
            self.discovery.segments.extend(files.into_values().map(|(named, file)| Segment {
                source: file.source,
                place: file.place,
                display: file.display,
                size: file.size,
                modified: file.modified,
                index: named.index,
                layout: named.layout,
                codec: named.codec,
                log: Arc::clone(&log),
            }));
        }
        self.discovery.segments.sort_by_key(|segment| std::cmp::Reverse(segment.size));
        self.discovery
    }
}

pub(crate) fn file_source(path: &Path, metadata: &Metadata) -> SourceId {
    SourceId { uri: uri(path), etag: etag(metadata) }
}

pub(crate) fn uri(path: &Path) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    url::Url::from_file_path(&absolute)
        .map_or_else(|()| absolute.to_string_lossy().into_owned(), Into::into)
}

/// The names of a file's folder and of the file.
pub(crate) fn names(path: &Path) -> (String, String) {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    (path.parent().map(name).unwrap_or_default(), name(path))
}
