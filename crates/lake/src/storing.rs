//! Storing data files that are committed later.

use chrono::{DateTime, Utc};
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutMode};
use stagelight_tables::Table;

use crate::error::LakeError;
use crate::lake::Lake;
use crate::segment::{DataFile, StoredFile};
use crate::vacuum::FRESH;

/// A file that is there already.
struct Found {
    size: usize,
    stored_at: DateTime<Utc>,
}

impl Lake {
    /// Stores a data file. It belongs to no table until it is committed.
    ///
    /// # Errors
    ///
    /// [`LakeError::Store`]; [`LakeError::Missing`] where the lake's folder is gone.
    pub async fn put(&self, file: DataFile) -> Result<StoredFile, LakeError> {
        self.check_folder(file.table)?;
        let path = path(file.table, &file.name);
        let mut stored = file.stored(Utc::now());
        let put = async {
            // A file of that name has these rows already, and readers may know its size.
            match self.store_new(&path, &file).await {
                Err(object_store::Error::AlreadyExists { .. }) => {}
                result => return result,
            }
            match self.renew(&path).await {
                Ok(Found { size, stored_at }) => {
                    (stored.size, stored.stored_at) = (size, stored_at);
                    Ok(())
                }
                Err(object_store::Error::NotFound { .. }) => self.store_new(&path, &file).await,
                Err(error) => Err(error),
            }
        };
        put.await.map_err(|source| LakeError::Store { path: path.to_string(), source })?;
        Ok(stored)
    }

    async fn store_new(&self, path: &Path, file: &DataFile) -> object_store::Result<()> {
        let bytes = file.bytes.clone().into();
        self.store().put_opts(path, bytes, PutMode::Create.into()).await.map(|_| ())
    }

    /// Stores a file once more that is so old that it may be deleted in a moment, as what nobody has
    /// committed. Somebody may read it, too: the bytes stay those that are there.
    async fn renew(&self, path: &Path) -> object_store::Result<Found> {
        let store = self.store();
        let found = store.head(path).await?;
        let size = usize::try_from(found.size).unwrap_or(usize::MAX);
        let now = Utc::now();
        if now - found.last_modified < FRESH {
            return Ok(Found { size, stored_at: found.last_modified });
        }
        let bytes = store.get(path).await?.bytes().await?;
        store.put(path, bytes.into()).await?;
        Ok(Found { size, stored_at: now })
    }

    /// Sees to it that none of `files` is deleted before it is committed, however long ago it was
    /// stored: a machine may have slept meanwhile.
    pub(crate) async fn renew_old<'a>(
        &self,
        files: impl Iterator<Item = &'a StoredFile>,
    ) -> Result<(), LakeError> {
        let now = Utc::now();
        for file in files.filter(|file| now - file.stored_at >= FRESH) {
            let path = path(file.table, &file.name);
            match self.renew(&path).await {
                Ok(_) => {}
                Err(object_store::Error::NotFound { .. }) => {
                    return Err(LakeError::Deleted { path: path.to_string() });
                }
                Err(source) => {
                    return Err(LakeError::Store { path: path.to_string(), source });
                }
            }
        }
        Ok(())
    }
}

fn path(table: &Table, name: &str) -> Path {
    Path::from(format!("{}/{name}", table.name))
}
