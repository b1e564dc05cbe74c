//! The folder that is followed, for as long as it is there, and what tells of changes in it.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::health::Health;
use crate::watch::changes::Changes;

/// Which folder it is, whatever stands under its name at another time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Folder {
    pub(super) path: PathBuf,
    device: u64,
    inode: u64,
}

impl Folder {
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        let path = path.canonicalize()?;
        let metadata = path.metadata()?;
        if !metadata.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self { path, device: metadata.dev(), inode: metadata.ino() })
    }
}

/// The folder that is followed.
#[derive(Debug)]
pub(super) struct Followed {
    /// As it was named.
    named: PathBuf,
    health: Arc<Health>,
    /// `None` while there is none.
    now: Option<Folder>,
    changes: Option<Changes>,
    /// Whether it was said that changes cannot be told.
    is_untold_said: bool,
}

impl Followed {
    /// The folder of that name, nothing of which is known yet.
    pub(super) fn new(named: PathBuf, health: Arc<Health>) -> Self {
        Self { named, health, now: None, changes: None, is_untold_said: false }
    }

    /// What was there when that was seen last.
    pub(super) fn now(&self) -> Option<&Folder> {
        self.now.as_ref()
    }

    /// The folder, if nothing tells of changes in it.
    pub(super) fn untold(&self) -> Option<&Folder> {
        self.now.as_ref().filter(|_| self.changes.is_none())
    }

    /// Sees whether it is still the one that is followed. Gives another that is there now: changes in
    /// that are to be told.
    pub(super) fn check(&mut self) -> Option<Folder> {
        let there = Folder::at(&self.named);
        if there.as_ref().ok() == self.now.as_ref() && self.now.is_some() {
            return None;
        }
        self.changes = None;
        match there {
            Ok(folder) => {
                self.health.good("folder");
                self.now = Some(folder.clone());
                Some(folder)
            }
            Err(error) => {
                if self.now.take().is_some() {
                    tracing::warn!(folder = %self.named.display(), %error, "it is gone");
                }
                let reason = format!("{}: {error}", self.named.display());
                self.health.bad("folder", &reason);
                None
            }
        }
    }

    /// Takes what tells of changes in `folder`; `false` where that is not followed any more.
    pub(super) fn tell(&mut self, folder: &Folder, changes: notify::Result<Changes>) -> bool {
        if self.now.as_ref() != Some(folder) {
            return false;
        }
        match changes {
            Ok(changes) => {
                self.changes = Some(changes);
                self.is_untold_said = false;
                tracing::info!(folder = %folder.path.display(), "following");
            }
            Err(error) if !self.is_untold_said => {
                self.is_untold_said = true;
                tracing::warn!(
                    folder = %folder.path.display(),
                    %error,
                    "changes are not told: only sweeps find them"
                );
            }
            Err(_) => {}
        }
        true
    }
}
