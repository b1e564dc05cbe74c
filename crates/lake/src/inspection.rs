//! Whether the files that tables have are there.

use std::collections::{HashMap, HashSet};

use futures::{StreamExt, stream};
use object_store::ObjectStore;
use object_store::path::Path;
use stagelight_tables::{Table, all};

use crate::delta::{Named, TableLog};
use crate::error::LakeError;
use crate::lake::Lake;

/// Tables that are looked at side by side.
const AT_ONCE: usize = 8;

/// The files of a table, by what its log says and what is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableFiles {
    /// How many its log lists.
    pub listed: usize,
    /// Paths, from the root of the lake, of those that are not there.
    pub missing: Vec<String>,
    /// Of those that are of another size than was committed.
    pub damaged: Vec<String>,
}

impl Lake {
    /// How the files of each table are. None is opened: a listing for each table says which there are.
    ///
    /// A table for itself has failed with [`LakeError::TableGone`], or with what else is wrong with it. Who makes
    /// a lake makes its ledger last, so that all tables are there in one that can be opened, empty or not.
    pub async fn inspect(&self) -> Vec<(&'static Table, Result<TableFiles, LakeError>)> {
        let inspected =
            stream::iter(all()).map(async |table| (table, self.inspect_table(table).await));
        inspected.buffered(AT_ONCE).collect().await
    }

    async fn inspect_table(&self, table: &'static Table) -> Result<TableFiles, LakeError> {
        let mut log = self.table(table).await;
        log.check_there(self.root().as_str()).await?;
        log.now().await?;
        let named = log.named()?;
        self.compare(&mut log, named).await
    }

    /// How those that `log` has named are.
    async fn compare(
        &self,
        log: &mut TableLog,
        named: Vec<Named>,
    ) -> Result<TableFiles, LakeError> {
        let table = log.table();
        let there = self.store().list_with_delimiter(Some(&Path::from(table.name))).await;
        let there = there.map_err(|source| {
            let path = table.name.to_owned();
            LakeError::Store { path, source }
        })?;
        let sizes: HashMap<&str, u64> = there
            .objects
            .iter()
            .filter_map(|file| Some((file.location.filename()?, file.size)))
            .collect();
        let is_as_committed =
            |file: &Named| sizes.get(file.name.as_str()).copied() == u64::try_from(file.size).ok();
        let mut files = TableFiles { listed: named.len(), ..TableFiles::default() };
        if named.iter().all(is_as_committed) {
            return Ok(files);
        }
        // What was taken out of the table meanwhile may have been deleted.
        let still = names_now(log).await?;
        for file in named.into_iter().filter(|file| !is_as_committed(file)) {
            if still.contains(&file.name) {
                let of_fault = match sizes.contains_key(file.name.as_str()) {
                    true => &mut files.damaged,
                    false => &mut files.missing,
                };
                of_fault.push(format!("{}/{}", table.name, file.name));
            }
        }
        Ok(files)
    }
}

async fn names_now(log: &mut TableLog) -> Result<HashSet<String>, LakeError> {
    log.now().await?;
    Ok(log.named()?.into_iter().map(|file| file.name).collect())
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use stagelight_tables::QUARANTINE;

    use super::*;
    use crate::segment::StoredFile;

    async fn quarantine(lake: &Lake) -> Result<TableFiles, LakeError> {
        let inspected = lake.inspect().await.into_iter();
        let mut of_table = inspected.filter(|(table, _)| table.name == QUARANTINE.name);
        of_table.next().expect("every table is looked at").1
    }

    #[tokio::test]
    async fn what_a_table_lists_is_to_be_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let uri = folder.path().display().to_string();
        let lake = Lake::create(&uri).await.expect("a lake");
        let mut log = lake.table(QUARANTINE).await;
        let seen = log.seen_now().await.expect("a log");
        let file = |n: usize| StoredFile {
            table: QUARANTINE,
            name: format!("part-{n}.parquet"),
            size: 4,
            stats: r#"{"numRecords":1}"#.to_owned(),
            stored_at: Utc::now(),
        };
        let files: Vec<_> = (0..4).map(file).collect();
        log.add(files.iter().collect(), seen).await.expect("they are added");
        drop(log);
        let of_table = folder.path().join(QUARANTINE.name);
        for file in &files {
            std::fs::write(of_table.join(&file.name), "rows").expect("a file");
        }
        let sound = TableFiles { listed: 4, ..TableFiles::default() };
        assert_eq!(quarantine(&lake).await.expect("files"), sound);

        std::fs::remove_file(of_table.join("part-1.parquet")).expect("it is deleted");
        std::fs::write(of_table.join("part-2.parquet"), "").expect("it is cut");
        let path = |n: usize| vec![format!("quarantine/part-{n}.parquet")];
        let faulty = TableFiles { listed: 4, missing: path(1), damaged: path(2) };
        assert_eq!(quarantine(&lake).await.expect("files"), faulty);

        // What is taken out of the table between its log and the listing, `maintain` may delete.
        let mut log = lake.table(QUARANTINE).await;
        log.now().await.expect("a log");
        let named = log.named().expect("names");
        let other = Lake::open(&uri).await.expect("the lake");
        let is_removed = |file: &Named| file.name != "part-0.parquet";
        other.table(QUARANTINE).await.remove(is_removed).await.expect("they are removed");
        let rest = TableFiles { listed: 4, ..TableFiles::default() };
        assert_eq!(lake.compare(&mut log, named).await.expect("files"), rest);
        drop(log);

        std::fs::remove_dir_all(&of_table).expect("it is deleted");
        // Nothing is in its ledger, which is made after all other tables.
        let gone = quarantine(&lake).await.expect_err("it is not there");
        assert!(matches!(gone, LakeError::TableGone { table: "quarantine", .. }), "{gone}");
    }
}
