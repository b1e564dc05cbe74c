//! Committing a group, tried again for as long as that may help.

use stagelight_lake::{Committed, Ingested, Lake, LakeError};
use tokio::time::sleep;

use crate::retry;

/// A group that cannot be committed so often is given up.
pub(crate) const ATTEMPTS: u32 = 8;

/// Commits `group` to `lake`.
pub(crate) async fn commit(lake: &Lake, group: Vec<Ingested>) -> Result<Committed, LakeError> {
    let mut failures = 0;
    loop {
        match lake.commit(group.clone()).await {
            Err(error) if may_pass(&error) && failures + 1 < ATTEMPTS => {
                failures += 1;
                tracing::warn!(%error, failures, "a group was not committed");
                sleep(retry::pause(failures + 3)).await;
            }
            result => return result,
        }
    }
}

/// Whether it may go better in a moment.
pub(crate) fn may_pass(error: &LakeError) -> bool {
    matches!(error, LakeError::Delta { .. } | LakeError::Store { .. })
}
