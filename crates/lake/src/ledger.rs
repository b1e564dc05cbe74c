//! Which segments are in the lake.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::json;
use stagelight_eventlog::{Identity, Value};
use stagelight_tables::{QUARANTINE, RowContext, SOURCES, Table, TableBuilder};

use crate::error::LakeError;
use crate::segment::{DataFile, SegmentWriter, StoredFile};
use crate::source::{SourceId, SourceKey};
use crate::standing::{Standing, standings};

/// How a segment's events relate to those of other segments of its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Layout {
    /// The whole log.
    Single,
    /// The events of its index alone.
    Rolling,
    /// What the History Server's compaction left of its index and all before.
    Compacted,
    /// The events before its time and after the one before.
    Dated,
}

impl Layout {
    const ALL: [Self; 4] = [Self::Single, Self::Rolling, Self::Compacted, Self::Dated];

    /// Its name in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Rolling => "rolling",
            Self::Compacted => "compacted",
            Self::Dated => "dated",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|layout| layout.as_str() == name)
    }
}

/// What a segment was found to be, for the ledger.
#[derive(Clone, Debug)]
pub struct Ingested {
    /// The segment.
    pub source: SourceId,
    /// When its bytes were last changed.
    pub modified: DateTime<Utc>,
    /// Which application attempt it is of.
    pub identity: Identity,
    /// Its roll index.
    pub segment: i64,
    /// How it relates to others of its log.
    pub layout: Layout,
    /// Spark's name of its codec.
    pub codec: &'static str,
    /// Its size in bytes, compressed.
    pub size: u64,
    /// Its size in bytes, decompressed.
    pub bytes_uncompressed: u64,
    /// Events that were read.
    pub events: u64,
    /// Rows that they made.
    pub rows: u64,
    /// Rows of it in quarantine.
    pub quarantined: u64,
    /// When the last of its events happened, in milliseconds since 1970, where one says so.
    pub last_event_ms: Option<i64>,
    /// Its files in all tables.
    pub files: Vec<StoredFile>,
}

impl Ingested {
    /// The segment's own row of the ledger, as a file.
    pub(crate) fn ledger_file(&self) -> Result<DataFile, LakeError> {
        let int = |n: u64| Value::Int(i64::try_from(n).unwrap_or(i64::MAX));
        let mut builder = TableBuilder::new(SOURCES, self.identity.clone(), self.segment);
        let context = RowContext { line: 0, event: "", raw: "" };
        let values = [
            Value::Text(&self.source.uri),
            Value::Text(&self.source.etag),
            int(self.size),
            Value::Int(self.modified.timestamp_millis()),
            Value::Text(self.layout.as_str()),
            Value::Text(self.codec),
            int(self.events),
            int(self.rows),
            int(self.bytes_uncompressed),
            int(self.quarantined),
            Value::Int(Utc::now().timestamp_millis()),
            self.last_event_ms.map_or(Value::Null, Value::Int),
        ];
        builder.append(context, &values).expect("the ledger's values are of its columns' types");
        let mut file = None;
        let mut keep = |finished| {
            file = Some(finished);
            Ok::<_, LakeError>(())
        };
        let mut writer = SegmentWriter::new(self.source.clone(), &self.identity.app_id, &mut keep);
        writer.write(SOURCES, &builder.take())?;
        writer.finish()?;
        let mut file = file.expect("a row makes a file");
        file.stats = self.stats();
        Ok(file)
    }

    /// Statistics of a file of one row are the row: the ledger is read from the Delta log alone.
    fn stats(&self) -> String {
        let row = json!({
            "app_id": self.identity.app_id,
            "attempt_id": self.identity.attempt_id.as_deref().unwrap_or(""),
            "segment": self.segment,
            "uri": self.source.uri,
            "etag": self.source.etag,
            "size": self.size,
            "modified_at": rfc3339(self.modified),
            "layout": self.layout.as_str(),
            "events": self.events,
            "quarantined": self.quarantined,
            "last_event_time": self.last_event_ms.and_then(DateTime::from_timestamp_millis).map(rfc3339),
        });
        let nulls =
            json!({ "app_id": 0, "last_event_time": u8::from(self.last_event_ms.is_none()) });
        json!({ "numRecords": 1, "minValues": row, "maxValues": row, "nullCount": nulls })
            .to_string()
    }

    pub(crate) fn entry(&self) -> Entry {
        Entry {
            source: self.source.clone(),
            modified_ms: self.modified.timestamp_millis(),
            size: self.size,
            identity: self.identity.clone(),
            segment: self.segment,
            layout: self.layout,
            events: self.events,
            quarantined: self.quarantined,
            last_event_ms: self.last_event_ms,
            is_merged: false,
        }
    }
}

fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// What of a row of the ledger decides how the segment stands, and what is often asked of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) source: SourceId,
    pub(crate) modified_ms: i64,
    pub(crate) size: u64,
    pub(crate) identity: Identity,
    pub(crate) segment: i64,
    pub(crate) layout: Layout,
    pub(crate) events: u64,
    pub(crate) quarantined: u64,
    pub(crate) last_event_ms: Option<i64>,
    /// Whether its row of the ledger is in a merged file: that is not removed, and its rows of
    /// other tables may be in merged files, too.
    pub(crate) is_merged: bool,
}

impl Entry {
    /// An entry out of its row's `app_id, attempt_id, uri, etag, layout`, `segment, size,
    /// modified_at, events, quarantined` and `last_event_time`.
    pub(crate) fn from_row(
        texts: [&str; 5],
        numbers: [i64; 5],
        last_event_ms: Option<i64>,
    ) -> Option<Self> {
        let [app_id, attempt_id, uri, etag, layout] = texts;
        let [segment, size, modified_ms, events, quarantined] = numbers;
        Some(Self {
            source: SourceId { uri: uri.to_owned(), etag: etag.to_owned() },
            modified_ms,
            size: u64::try_from(size).ok()?,
            identity: Identity {
                app_id: app_id.to_owned(),
                attempt_id: Some(attempt_id).filter(|id| !id.is_empty()).map(str::to_owned),
            },
            segment,
            layout: Layout::from_name(layout)?,
            events: u64::try_from(events).ok()?,
            quarantined: u64::try_from(quarantined).ok()?,
            last_event_ms,
            is_merged: false,
        })
    }

    /// What of two versions of a file is newer. One that was read to its end goes before one that
    /// was not, which may have none of its rows.
    fn age(&self) -> (bool, i64, u64, &str) {
        (self.source.is_whole(), self.modified_ms, self.size, &self.source.etag)
    }

    /// Whether `other` is an earlier version of the same file.
    fn replaces(&self, other: &Self) -> bool {
        self.source.uri == other.source.uri
            && self.source.etag != other.source.etag
            && self.age() > other.age()
    }
}

/// A segment that is in the lake.
#[derive(Clone, Copy, Debug)]
pub struct LedgerSegment<'a> {
    /// The segment.
    pub source: &'a SourceId,
    /// Which application attempt it is of.
    pub identity: &'a Identity,
    /// Events that were read.
    pub events: u64,
    /// When the last of its events happened, in milliseconds since 1970, where one says so.
    pub last_event_ms: Option<i64>,
    /// Whether it counts.
    pub standing: Standing,
}

impl LedgerSegment<'_> {
    /// A number that stands for the segment's bytes.
    pub fn key(&self) -> i64 {
        self.source.key().number()
    }
}

/// The segments that are in the lake, and which of them count.
#[derive(Debug, Default)]
pub struct Ledger {
    entries: Vec<(Arc<Entry>, Standing)>,
    /// By address: the version whose rows are shown.
    newest: HashMap<u128, Newest>,
    known: HashSet<SourceKey>,
    /// What could not be read to its end.
    unread: HashSet<SourceKey>,
}

#[derive(Debug)]
struct Newest {
    version: u128,
    standing: Standing,
    at: usize,
}

impl Ledger {
    pub(crate) fn new(mut entries: Vec<Arc<Entry>>) -> Self {
        let mut known = HashSet::with_capacity(entries.len());
        // Of two rows of one segment, that in a merged file says more.
        entries.sort_by_key(|entry| !entry.is_merged);
        entries.retain(|entry| known.insert(entry.source.key()));
        let unread = entries.iter().map(|entry| &entry.source);
        let unread = unread.filter(|source| !source.is_whole()).map(SourceId::key).collect();
        let mut by_uri: HashMap<&str, usize> = HashMap::new();
        for (at, entry) in entries.iter().enumerate() {
            let newest = by_uri.entry(&entry.source.uri).or_insert(at);
            if entry.age() > entries[*newest].age() {
                *newest = at;
            }
        }
        let shown: Vec<usize> = by_uri.into_values().collect();
        let of_shown = standings(&shown.iter().map(|at| &*entries[*at]).collect::<Vec<_>>());
        let mut all = vec![Standing::Replaced; entries.len()];
        let mut newest = HashMap::with_capacity(shown.len());
        for (at, standing) in shown.into_iter().zip(of_shown) {
            all[at] = standing;
            let SourceKey { place, version } = entries[at].source.key();
            newest.insert(place, Newest { version, standing, at });
        }
        Self { entries: entries.into_iter().zip(all).collect(), newest, known, unread }
    }

    /// Whether the segment is in the lake.
    pub fn has(&self, source: &SourceId) -> bool {
        self.known.contains(&source.key())
    }

    /// Whether all of the segment is in the lake: it has events, and nothing of it went to
    /// quarantine, which keeps no more than the beginning of what it has.
    pub fn has_all_of(&self, source: &SourceId) -> bool {
        let entry = self.newest.get(&source.key().place).map(|newest| &self.entries[newest.at].0);
        entry.is_some_and(|entry| {
            entry.source == *source && entry.events > 0 && entry.quarantined == 0
        })
    }

    /// Whether a segment of that key is in the lake.
    pub(crate) fn has_key(&self, key: SourceKey) -> bool {
        self.known.contains(&key)
    }

    /// Every segment, and how it stands.
    pub fn segments(&self) -> impl Iterator<Item = LedgerSegment<'_>> {
        self.entries.iter().map(|(entry, standing)| LedgerSegment {
            source: &entry.source,
            identity: &entry.identity,
            events: entry.events,
            last_event_ms: entry.last_event_ms,
            standing: *standing,
        })
    }

    /// Segments that went to quarantine whole, and may be read another time.
    pub fn unread(&self) -> impl Iterator<Item = &SourceId> {
        self.entries.iter().map(|(entry, _)| &entry.source).filter(|source| !source.is_whole())
    }

    /// Whether a later version of the same file is in. Of one that could not be read it is told all
    /// the same, beside what an earlier version had.
    pub(crate) fn has_newer(&self, entry: &Entry) -> bool {
        self.at_place(entry).is_some_and(|newest| {
            if entry.source.is_whole() || !newest.source.is_whole() {
                return newest.replaces(entry);
            }
            let is_read = newest.source.clone().unread() == entry.source;
            let is_dated = entry.modified_ms > 0;
            is_read || is_dated && newest.modified_ms > entry.modified_ms
        })
    }

    /// The earlier versions of the same file.
    pub(crate) fn earlier(&self, entry: &Entry) -> Vec<SourceKey> {
        if self.at_place(entry).is_none() {
            return Vec::new();
        }
        let earlier = self.entries.iter().filter(|(known, _)| entry.replaces(known));
        earlier.map(|(known, _)| known.source.key()).collect()
    }

    /// Versions that were replaced, and not yet removed by who did so.
    pub(crate) fn left_behind(&self) -> impl Iterator<Item = SourceKey> {
        let replaced = self.entries.iter().filter(|(entry, standing)| {
            *standing == Standing::Replaced && !entry.is_merged && entry.source.is_whole()
        });
        replaced.map(|(entry, _)| entry.source.key())
    }

    fn at_place(&self, entry: &Entry) -> Option<&Entry> {
        let newest = self.newest.get(&entry.source.key().place)?;
        Some(&*self.entries[newest.at].0)
    }

    /// Whether what `table` has of a segment is shown. Of the newest version of a file, the ledger's
    /// row and what is in quarantine are; the rest is where the segment counts.
    pub(crate) fn shows(&self, key: SourceKey, table: &Table) -> bool {
        if table.name == QUARANTINE.name && self.unread.contains(&key) {
            return true;
        }
        let newest = self.newest.get(&key.place).filter(|newest| newest.version == key.version);
        newest.is_some_and(|newest| {
            newest.standing == Standing::Counted
                || [QUARANTINE.name, SOURCES.name].contains(&table.name)
        })
    }

    /// Whether a later version took the segment's place: then it never counts again. One that is not
    /// known may have come into the ledger since this was read.
    pub(crate) fn is_replaced(&self, key: SourceKey) -> bool {
        let newest = self.newest.get(&key.place);
        self.has_key(key) && newest.is_some_and(|newest| newest.version != key.version)
    }

    /// Whether `later`, which was read after this one, shows another version of any file, or knows
    /// more of what merged files may have: tables that were read meanwhile are not those that this
    /// one tells of.
    pub(crate) fn is_outdated_by(&self, later: &Self) -> bool {
        let merged: HashSet<SourceKey> = self.merged().collect();
        later.merged().any(|key| !merged.contains(&key))
            || self.newest.iter().any(|(place, newest)| {
                later.newest.get(place).is_none_or(|other| other.version != newest.version)
            })
    }

    /// The segments whose rows no merged file has: they are in files of their names.
    pub(crate) fn unmerged(&self) -> impl Iterator<Item = SourceKey> {
        let unmerged = self.entries.iter().filter(|(entry, _)| !entry.is_merged);
        unmerged.map(|(entry, _)| entry.source.key())
    }

    fn merged(&self) -> impl Iterator<Item = SourceKey> {
        let merged = self.entries.iter().filter(|(entry, _)| entry.is_merged);
        merged.map(|(entry, _)| entry.source.key())
    }

    /// Every segment with its key.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (SourceKey, &Entry, Standing)> {
        self.entries.iter().map(|(entry, standing)| (entry.source.key(), &**entry, *standing))
    }
}

#[cfg(test)]
mod tests {
    use stagelight_tables::EVENTS;

    use super::*;

    fn entry(uri: &str, modified_ms: i64, size: u64) -> Entry {
        Entry {
            source: SourceId { uri: uri.into(), etag: format!("{modified_ms}-{size}") },
            modified_ms,
            size,
            identity: Identity { app_id: "local-1".into(), attempt_id: None },
            segment: 1,
            layout: Layout::Rolling,
            events: size,
            quarantined: 0,
            last_event_ms: None,
            is_merged: false,
        }
    }

    fn ledger_of(entries: Vec<Entry>) -> Ledger {
        Ledger::new(entries.into_iter().map(Arc::new).collect())
    }

    fn unread(entry: Entry) -> Entry {
        Entry { source: entry.source.unread(), ..entry }
    }

    #[test]
    fn the_newest_version_of_a_file_is_shown() {
        let [old, new] = [entry("file:///a", 1, 10), entry("file:///a", 2, 20)];
        for entries in [vec![old.clone(), new.clone()], vec![new.clone(), old.clone()]] {
            let ledger = ledger_of(entries);
            assert_eq!(shown(&ledger, [&old, &new]), [false, true]);
            assert_eq!(ledger.left_behind().collect::<Vec<_>>(), [old.source.key()]);
            assert!(ledger.has_newer(&old));
            assert!(!ledger.has_newer(&new));
            assert_eq!(ledger.earlier(&new), [old.source.key()]);
            assert!(ledger.earlier(&old).is_empty());
        }
    }

    fn shown<const N: usize>(ledger: &Ledger, entries: [&Entry; N]) -> [bool; N] {
        entries.map(|entry| ledger.shows(entry.source.key(), EVENTS[0]))
    }

    #[test]
    fn what_the_ledger_does_not_know_is_not_shown() {
        let ledger = ledger_of(vec![entry("file:///a", 1, 10)]);
        assert_eq!(shown(&ledger, [&entry("file:///b", 1, 10)]), [false]);
        assert_eq!(shown(&ledger, [&entry("file:///a", 2, 20)]), [false]);
    }

    #[test]
    fn a_later_ledger_tells_of_other_versions() {
        let [old, new] = [entry("file:///a", 1, 10), entry("file:///a", 2, 20)];
        let first = ledger_of(vec![old.clone()]);
        let more = ledger_of(vec![old.clone(), entry("file:///b", 1, 10)]);
        assert!(!first.is_outdated_by(&more));
        assert!(first.is_outdated_by(&ledger_of(vec![old.clone(), new.clone()])));
        let merged = Entry { is_merged: true, ..old };
        assert!(first.is_outdated_by(&ledger_of(vec![merged])));
        assert!(first.is_outdated_by(&ledger_of(vec![new])));
    }

    #[test]
    fn a_row_that_is_there_twice_is_there_once() {
        let plain = entry("file:///a", 1, 10);
        let merged = Entry { is_merged: true, ..plain.clone() };
        let ledger = ledger_of(vec![plain.clone(), merged]);
        assert_eq!(shown(&ledger, [&plain]), [true]);
        assert_eq!(ledger.segments().count(), 1);
        assert_eq!(ledger.left_behind().count(), 0);
    }

    #[test]
    fn what_could_not_be_read_is_told_beside_what_was() {
        let whole = entry("file:///a", 2, 10);
        let ledger = ledger_of(vec![whole.clone()]);
        assert!(ledger.has_newer(&unread(whole.clone())), "somebody has read it");
        assert!(ledger.has_newer(&unread(entry("file:///a", 1, 5))), "it is older");
        let later = unread(entry("file:///a", 3, 20));
        assert!(!ledger.has_newer(&later));
        // One that nobody could look at has no time.
        assert!(!ledger.has_newer(&unread(entry("file:///a", 0, 20))));
        let ledger = ledger_of(vec![whole.clone(), later.clone()]);
        assert!(ledger.shows(later.source.key(), QUARANTINE));
        assert!(ledger.shows(whole.source.key(), EVENTS[0]));
        assert_eq!(ledger.left_behind().count(), 0);
        assert_eq!(ledger.unread().count(), 1);
        assert_eq!(ledger.earlier(&entry("file:///a", 4, 30)).len(), 2);
    }

    #[test]
    fn a_file_that_could_not_be_read_does_not_hide_what_was_read() {
        let whole = entry("file:///a", 1, 10);
        let later = unread(entry("file:///a", 2, 20));
        let ledger = ledger_of(vec![whole.clone(), later.clone()]);
        assert_eq!(shown(&ledger, [&whole, &later]), [true, false]);
        let ledger = ledger_of(vec![later.clone()]);
        assert!(!ledger.has(&entry("file:///a", 2, 20).source), "it is read again");
        assert_eq!(shown(&ledger, [&whole, &later]), [false, true]);
    }
}
