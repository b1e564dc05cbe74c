//! Opening a lake, committing to it, and what counts in it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::Utc;
use deltalake_core::DeltaTableError;
use futures::future::try_join_all;
use object_store::ObjectStore;
use stagelight_tables::{SOURCES, Table, all};
use tokio::sync::{Mutex, MutexGuard};
use url::Url;

use crate::delta::{Seen, TableLog};
use crate::entries::LedgerFiles;
use crate::error::LakeError;
use crate::ledger::{Ingested, Ledger};
use crate::merged::MergedFiles;
use crate::place::Place;
use crate::segment::StoredFile;
use crate::snapshot::Snapshot;
use crate::source::{SourceId, SourceKey};

/// The tables are read so often, at most, because a file's version was replaced meanwhile.
const READS: usize = 20;

/// What counts in a lake at one moment.
#[derive(Debug)]
pub struct Contents {
    /// Every segment.
    pub ledger: Ledger,
    /// Every table.
    pub tables: Vec<Snapshot>,
}

/// What became of a group of segments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// Segments that the ledger had already.
    pub already_in: usize,
    /// How often another commit to the same table was faster.
    pub conflicts: u64,
}

/// Delta tables under one address.
pub struct Lake {
    place: Place,
    /// By the table's name. A lock each, so that tables commit side by side.
    tables: HashMap<&'static str, Mutex<TableLog>>,
    ledger_files: Mutex<LedgerFiles>,
    merged_files: MergedFiles,
}

impl Lake {
    /// Opens the lake at `uri` for reading and writing, and makes what is not there.
    ///
    /// # Errors
    ///
    /// [`LakeError::Address`] where the address is no place that can be written, or one with other
    /// things in it; [`LakeError::Format`] where another version has made the lake;
    /// [`LakeError::TableGone`] where a part of it is not there.
    pub async fn create(uri: &str) -> Result<Self, LakeError> {
        Place::make(uri)?;
        let place = Place::at(uri).await?;
        place.refuse_other_things(uri).await?;
        // Before anything is made in it.
        let mut ledger = TableLog::open(&place, SOURCES, false).await?;
        ledger.check_format().await?;
        if ledger.has_files().await? {
            // A table that was made now would be empty, and the ledger says that its rows are in.
            let logs = all().map(async |table| {
                TableLog::open(&place, table, false).await?.check_there(uri).await
            });
            try_join_all(logs).await?;
            return Self::load(place, false).await;
        }
        place.make_tables(uri)?;
        Self::load(place, true).await
    }

    /// Opens the lake at `uri`, which must be there.
    ///
    /// # Errors
    ///
    /// [`LakeError::Missing`] where nothing has been ingested yet, [`LakeError::TableGone`] where the ledger
    /// is not there and data is.
    pub async fn open(uri: &str) -> Result<Self, LakeError> {
        let place = Place::at(uri).await?;
        if !place.has_lake(uri).await? {
            place.refuse_without_ledger(uri).await?;
            return Err(LakeError::Missing { uri: uri.to_owned() });
        }
        Self::load(place, false).await
    }

    async fn load(place: Place, create: bool) -> Result<Self, LakeError> {
        let open = async |table| {
            let log = TableLog::open(&place, table, create).await?;
            Ok::<_, LakeError>((table.name, Mutex::new(log)))
        };
        // The ledger last: where it is, there is a lake, and somebody may wait for that.
        let mut tables = try_join_all(facts().map(open)).await?;
        tables.push(open(SOURCES).await?);
        Ok(Self {
            tables: tables.into_iter().collect(),
            place,
            ledger_files: Mutex::default(),
            merged_files: MergedFiles::default(),
        })
    }

    /// Where the lake is.
    pub fn root(&self) -> &Url {
        &self.place.root
    }

    pub(crate) fn check_folder(&self, table: &Table) -> Result<(), LakeError> {
        self.place.check_folder(table)
    }

    /// The store that holds the lake and nothing else, its paths seen from the lake's root.
    pub fn store(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.place.store)
    }

    /// Adds the rows of a group of segments, and then says in the ledger that they are in, which
    /// makes them visible.
    ///
    /// A later version of a file takes the place of earlier ones with the ledger's commit; then what
    /// these had is removed. A version that comes after a later one is dropped, as is a segment that
    /// the ledger has by now. Committing a segment again changes nothing.
    ///
    /// # Errors
    ///
    /// [`LakeError`]; the group is to be committed again, whatever of it was.
    pub async fn commit(&self, mut group: Vec<Ingested>) -> Result<Committed, LakeError> {
        let mut committed = Committed::default();
        if group.is_empty() {
            return Ok(committed);
        }
        self.check().await?;
        let of_group: HashSet<&str> =
            group.iter().flat_map(|segment| &segment.files).map(|file| file.table.name).collect();
        // The tables are looked at before the ledger. What the ledger then lacks was not merged with
        // other files before that: rows are merged only once the ledger has their segment for good.
        // So who merges it meanwhile does it after what was seen, and is met when it is committed.
        let look = facts().filter(|table| of_group.contains(table.name)).map(async |table| {
            let seen = self.table(table).await.seen_now().await?;
            Ok::<_, LakeError>((table.name, seen))
        });
        let seen: HashMap<_, _> = try_join_all(look).await?.into_iter().collect();
        let at = Utc::now();
        let (ledger, sources) = self.ledger_and_files().await?;
        let all = group.len();
        group.retain(|segment| !ledger.has(&segment.source));
        committed.already_in = all - group.len();
        group.retain(|segment| !ledger.has_newer(&segment.entry()));
        // A commit that adds a file twice is none that Delta allows.
        let mut once = HashSet::new();
        group.retain(|segment| once.insert(segment.source.key()));
        if group.is_empty() {
            return Ok(committed);
        }
        self.renew_old(group.iter().flat_map(|segment| &segment.files)).await?;
        let mut by_table: HashMap<&'static str, Vec<&StoredFile>> = HashMap::new();
        for file in group.iter().flat_map(|segment| &segment.files) {
            by_table.entry(file.table.name).or_default().push(file);
        }
        let added = by_table.into_iter().map(async |(table, files)| {
            self.tables[table].lock().await.add(files, seen[table]).await
        });
        committed.conflicts += try_join_all(added).await?.into_iter().sum::<u64>();
        let rows =
            try_join_all(group.iter().map(async |segment| self.put(segment.ledger_file()?).await))
                .await?;
        let seen = Seen { version: sources.version, at };
        committed.conflicts += self.table(SOURCES).await.add(rows.iter().collect(), seen).await?;
        // Not before nobody is shown it any more.
        let earlier = group.iter().flat_map(|segment| ledger.earlier(&segment.entry()));
        let replaced = earlier.chain(ledger.left_behind()).collect();
        committed.conflicts += self.remove(&replaced).await?;
        Ok(committed)
    }

    /// Removes what the tables have of segments that others have replaced, and then their rows of
    /// the ledger.
    pub(crate) async fn remove(&self, replaced: &HashSet<SourceKey>) -> Result<u64, LakeError> {
        if replaced.is_empty() {
            return Ok(0);
        }
        let remove = async |table| {
            let mut log = self.table(table).await;
            let is_gone = |key| replaced.contains(&key);
            log.remove(|file| SourceKey::of_file(&file.name).is_some_and(is_gone)).await
        };
        let conflicts: u64 = try_join_all(facts().map(remove)).await?.into_iter().sum();
        Ok(conflicts + remove(SOURCES).await?)
    }

    /// Takes out what the lake has of `sources`: segments that do not count, and that are gone from
    /// where they were. Those of which rows have been merged with others stay.
    ///
    /// # Errors
    ///
    /// [`LakeError`]; this can be done again.
    pub async fn forget(&self, sources: &[SourceId]) -> Result<(), LakeError> {
        if sources.is_empty() {
            return Ok(());
        }
        let keys: HashSet<SourceKey> = sources.iter().map(SourceId::key).collect();
        let ledger = self.ledger().await?;
        let apart =
            ledger.entries().filter(|(key, entry, _)| keys.contains(key) && !entry.is_merged);
        self.remove(&apart.map(|(key, ..)| key).collect()).await?;
        Ok(())
    }

    pub(crate) async fn table(&self, table: &Table) -> MutexGuard<'_, TableLog> {
        self.tables[table.name].lock().await
    }

    /// The segments that are in the lake now.
    ///
    /// # Errors
    ///
    /// [`LakeError::Delta`], or [`LakeError::Store`] where the ledger cannot be read.
    pub async fn ledger(&self) -> Result<Ledger, LakeError> {
        Ok(self.ledger_and_files().await?.0)
    }

    pub(crate) async fn ledger_and_files(&self) -> Result<(Ledger, Snapshot), LakeError> {
        let mut log = self.table(SOURCES).await;
        let delta = log.now().await?;
        let files = Snapshot::of(SOURCES, delta).map_err(LakeError::delta(SOURCES.name))?;
        let mut ledger_files = self.ledger_files.lock().await;
        let entries = ledger_files.entries(delta, self.place.store.as_ref()).await?;
        Ok((Ledger::new(entries), files))
    }

    /// Whether the lake that was opened is still where it was.
    ///
    /// # Errors
    ///
    /// [`LakeError::Missing`] or [`LakeError::Replaced`] where it is not, [`LakeError::TableGone`] where
    /// the ledger alone is not.
    pub async fn check(&self) -> Result<(), LakeError> {
        let mut opened = self.table(SOURCES).await;
        if opened.has_what_was_read().await? {
            return Ok(());
        }
        if !opened.is_there().await.map_err(LakeError::delta(SOURCES.name))? {
            let uri = self.place.root.to_string();
            self.place.refuse_without_ledger(&uri).await?;
            return Err(LakeError::Missing { uri });
        }
        if opened.id().is_none() {
            opened.now().await?;
            return Ok(());
        }
        let mut now = TableLog::open(&self.place, SOURCES, false).await?;
        now.now().await?;
        if opened.id() != now.id() {
            return Err(LakeError::Replaced { uri: self.place.root.to_string() });
        }
        Ok(())
    }

    /// Whether the ledger has changed after `version` of it, which is two small requests where it has
    /// not. Rows come and go with the ledger alone: what other commits change is where they are.
    ///
    /// # Errors
    ///
    /// As [`Lake::check`].
    pub async fn has_news(&self, version: u64) -> Result<bool, LakeError> {
        if self.table(SOURCES).await.ends_with(version).await? {
            return Ok(false);
        }
        self.check().await?;
        Ok(true)
    }

    /// What counts in the lake now: the ledger, and the files of every table whose rows count.
    ///
    /// # Errors
    ///
    /// [`LakeError`] where the lake cannot be read; [`LakeError::TableGone`] where a table is not there.
    pub async fn contents(&self) -> Result<Contents, LakeError> {
        // The ledger first: what it has is in the tables already. What of that was replaced while
        // they were read may be gone from them; then they are read again.
        let (mut ledger, mut sources) = self.ledger_and_files().await?;
        let mut tables = match self.snapshots().await {
            Err(_)
                if !sources.files.is_empty()
                    && let Some(gone) = self.gone().await =>
            {
                return Err(gone);
            }
            tables => tables?,
        };
        let mut reads = 1;
        while self.has_news(sources.version).await? {
            let (later, later_sources) = self.ledger_and_files().await?;
            if later_sources.version == sources.version || !ledger.is_outdated_by(&later) {
                break;
            }
            if reads == READS {
                let error = DeltaTableError::generic("it changes faster than it can be read");
                return Err(LakeError::delta(SOURCES.name)(error));
            }
            reads += 1;
            (ledger, sources) = (later, later_sources);
            tables = self.snapshots().await?;
        }
        tables.push(sources);
        let store = self.place.store.as_ref();
        let counted =
            tables.iter_mut().map(|table| table.retain_counted(&ledger, &self.merged_files, store));
        try_join_all(counted).await?;
        Ok(Contents { ledger, tables })
    }

    /// That a table is not there, where one is not.
    async fn gone(&self) -> Option<LakeError> {
        let uri = self.place.root.as_str();
        let there = facts().map(async |table| self.table(table).await.check_there(uri).await);
        let error = try_join_all(there).await.err();
        error.filter(|error| matches!(error, LakeError::TableGone { .. }))
    }

    async fn snapshots(&self) -> Result<Vec<Snapshot>, LakeError> {
        try_join_all(facts().map(async |table| self.table(table).await.files().await)).await
    }

    /// What merged files say of themselves.
    pub(crate) fn merged_files(&self) -> &MergedFiles {
        &self.merged_files
    }
}

/// Every table but the ledger.
pub(crate) fn facts() -> impl Iterator<Item = &'static Table> {
    all().filter(|table| table.name != SOURCES.name)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use stagelight_eventlog::Identity;

    use super::*;
    use crate::error::MayPass;
    use crate::ledger::Layout;

    fn segment(n: i64) -> Ingested {
        Ingested {
            source: SourceId { uri: format!("file:///logs/app-{n}"), etag: "1".to_owned() },
            modified: DateTime::UNIX_EPOCH,
            identity: Identity { app_id: format!("app-{n}"), attempt_id: None },
            segment: 1,
            layout: Layout::Single,
            codec: "none",
            size: 1,
            bytes_uncompressed: 1,
            events: 1,
            rows: 0,
            quarantined: 0,
            last_event_ms: None,
            files: Vec::new(),
        }
    }

    #[tokio::test]
    async fn a_folder_with_other_things_in_it_becomes_no_lake() {
        let folder = tempfile::tempdir().expect("a folder");
        let uri = folder.path().display().to_string();
        std::fs::create_dir(folder.path().join(SOURCES.name)).expect("half a lake");
        Lake::create(&uri).await.expect("a lake");
        Lake::create(&uri).await.expect("the same lake");

        let folder = tempfile::tempdir().expect("a folder");
        let uri = folder.path().display().to_string();
        std::fs::write(folder.path().join("notes"), "mine").expect("a file");
        let error = Lake::create(&uri).await.err().expect("no lake");
        let said = format!("{uri} cannot be a lake: it is not empty, and no lake: it has notes");
        assert_eq!(error.to_string(), said);
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }

    #[tokio::test]
    async fn a_lake_that_is_gone_or_another_is_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("lake");
        let uri = place.display().to_string();
        let lake = Lake::create(&uri).await.expect("a lake");
        lake.commit(vec![segment(1)]).await.expect("it is committed");
        lake.check().await.expect("the same lake");

        std::fs::rename(&place, folder.path().join("old")).expect("it is moved");
        let error = lake.check().await.expect_err("no lake");
        assert!(matches!(error, LakeError::Missing { .. }), "{error}");
        let other = Lake::create(&uri).await.expect("another lake");
        for n in 2..5 {
            other.commit(vec![segment(n)]).await.expect("it is committed");
        }
        let error = lake.check().await.expect_err("another lake");
        assert!(matches!(error, LakeError::Replaced { .. }), "{error}");
        other.check().await.expect("the same lake");

        // A version that does not follow would leave the other lake broken.
        for n in 5..10 {
            other.commit(vec![segment(n)]).await.expect("it is committed");
        }
        std::fs::remove_dir_all(&place).expect("it is deleted");
        let third = Lake::create(&uri).await.expect("a third lake");
        let error = other.commit(vec![segment(10)]).await.expect_err("another lake");
        assert!(matches!(error, LakeError::Replaced { .. }), "{error}");
        third.commit(vec![segment(11)]).await.expect("it is committed");
        assert_eq!(third.ledger().await.expect("a ledger").segments().count(), 1);

        // Nor may a version be written into it that does follow.
        std::fs::remove_dir_all(&place).expect("it is deleted");
        let error = third.commit(vec![segment(12)]).await.expect_err("no lake");
        assert!(matches!(error, LakeError::Missing { .. }), "{error}");
        let fourth = Lake::create(&uri).await.expect("a fourth lake");
        for n in 13..17 {
            fourth.commit(vec![segment(n)]).await.expect("it is committed");
        }
        let error = third.commit(vec![segment(12)]).await.expect_err("another lake");
        assert!(matches!(error, LakeError::Replaced { .. }), "{error}");
        assert_eq!(fourth.ledger().await.expect("a ledger").segments().count(), 4);
    }

    #[tokio::test]
    async fn a_table_that_is_gone_is_told_at_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let uri = folder.path().display().to_string();
        let lake = Lake::create(&uri).await.expect("a lake");
        lake.contents().await.expect("an empty lake");
        lake.commit(vec![segment(1)]).await.expect("it is committed");
        let of_table = folder.path().join("task_ends");
        std::fs::remove_dir_all(&of_table).expect("it is deleted");
        let lake = Lake::open(&uri).await.expect("the rest");
        for error in [
            lake.contents().await.expect_err("a table less"),
            Lake::create(&uri).await.err().expect("a table less"),
        ] {
            assert!(matches!(error, LakeError::TableGone { table: "task_ends", .. }), "{error}");
            assert!(!error.may_pass());
        }
        assert!(!of_table.exists());
    }

    #[tokio::test]
    async fn a_lake_without_its_ledger_is_no_empty_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let uri = folder.path().display().to_string();
        let lake = Lake::create(&uri).await.expect("a lake");
        lake.commit(vec![segment(1)]).await.expect("it is committed");
        std::fs::remove_dir_all(folder.path().join("sources")).expect("it is deleted");
        let error = Lake::open(&uri).await.err().expect("no lake");
        assert!(matches!(error, LakeError::Missing { .. }), "no data is there either: {error}");
        std::fs::write(folder.path().join("task_ends/part-1.parquet"), "rows").expect("a file");
        let error = lake.check().await.expect_err("a ledger less");
        assert!(matches!(error, LakeError::TableGone { table: "sources", .. }), "{error}");
        for error in [
            Lake::open(&uri).await.err().expect("a ledger less"),
            Lake::create(&uri).await.err().expect("a ledger less"),
        ] {
            assert!(matches!(error, LakeError::TableGone { table: "sources", .. }), "{error}");
        }
        assert!(!folder.path().join("sources").exists());
    }

    #[tokio::test]
    async fn what_is_forgotten_is_as_if_it_had_never_been() {
        let folder = tempfile::tempdir().expect("a folder");
        let uri = folder.path().display().to_string();
        let lake = Lake::create(&uri).await.expect("a lake");
        lake.commit(vec![segment(1), segment(2)]).await.expect("it is committed");
        lake.forget(&[segment(1).source, segment(3).source]).await.expect("it is forgotten");
        let ledger = lake.ledger().await.expect("a ledger");
        assert!(!ledger.has(&segment(1).source) && ledger.has(&segment(2).source));
        lake.commit(vec![segment(1)]).await.expect("it is committed");
        assert!(lake.ledger().await.expect("a ledger").has(&segment(1).source));
    }

    #[tokio::test]
    async fn a_lake_of_another_version_is_refused_and_left_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let uri = folder.path().display().to_string();
        Lake::create(&uri).await.expect("a lake");
        let log = folder.path().join("sources/_delta_log/00000000000000000000.json");
        let made = std::fs::read_to_string(&log).expect("a log");
        let other = made.replace("stagelight.format", "stagelight.other");
        assert_ne!(made, other);
        std::fs::write(&log, other).expect("a log");
        std::fs::remove_dir_all(folder.path().join("task_ends")).expect("a table less");

        let error = Lake::create(&uri).await.err().expect("another version");
        assert!(matches!(error, LakeError::Format { table: "sources" }), "{error}");
        assert!(!folder.path().join("task_ends").exists());
        let lake = Lake::open(&uri).await.expect("a lake");
        let error = lake.ledger().await.expect_err("another version");
        assert!(matches!(error, LakeError::Format { table: "sources" }), "{error}");
    }

    #[tokio::test]
    async fn many_commits_leave_a_checkpoint_that_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let uri = folder.path().display().to_string();
        let lake = Lake::create(&uri).await.expect("a lake");
        let commits = 105;
        for n in 0..commits {
            lake.commit(vec![segment(n)]).await.expect("it is committed");
        }
        let log = folder.path().join(SOURCES.name).join("_delta_log");
        assert!(log.join("_last_checkpoint").exists(), "no checkpoint after {commits} commits");
        for lake in [lake, Lake::open(&uri).await.expect("the lake")] {
            let ledger = lake.ledger().await.expect("a ledger");
            assert!((0..commits).all(|n| ledger.has(&segment(n).source)));
        }
    }
}
