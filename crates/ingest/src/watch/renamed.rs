//! Files that have got their finished names.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use stagelight_lake::{Lake, Ledger, LedgerSegment, SourceId, Standing};
use url::Url;

/// What Spark takes off the name of a log when it is finished.
const IN_PROGRESS: &str = ".inprogress";

/// Takes out of the lake what it has of files below `folder` under the names that they had while
/// they were in progress.
pub(super) async fn forget_renamed(lake: &Lake, ledger: &Ledger, folder: &Path) {
    if let Err(error) = lake.forget(&renamed(ledger, folder)).await {
        tracing::warn!(%error, "what was renamed is not forgotten yet");
    }
}

/// What `ledger` has of files below `folder` that were in progress, and are gone: those of which it
/// has no fewer events under the finished name.
fn renamed(ledger: &Ledger, folder: &Path) -> Vec<SourceId> {
    let counted = ledger.segments().filter(|segment| segment.standing == Standing::Counted);
    let events: HashMap<&str, u64> =
        counted.map(|segment| (segment.source.uri.as_str(), segment.events)).collect();
    let gone = |uri: &str| {
        let path = Url::parse(uri).ok().and_then(|url| url.to_file_path().ok());
        path.is_some_and(|path| path.starts_with(folder) && is_gone(&path))
    };
    let is_renamed = |segment: &LedgerSegment<'_>| {
        let uri = &segment.source.uri;
        let finished = uri.strip_suffix(IN_PROGRESS).and_then(|finished| events.get(finished));
        finished.is_some_and(|events| *events >= segment.events) && gone(uri)
    };
    ledger.segments().filter(is_renamed).map(|segment| segment.source.clone()).collect()
}

/// What `source` was while it was in progress: the bytes do not change with the name.
pub(super) fn in_progress(source: &SourceId) -> SourceId {
    SourceId { uri: format!("{}{IN_PROGRESS}", source.uri), etag: source.etag.clone() }
}

pub(super) fn is_gone(path: &Path) -> bool {
    path.symlink_metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}
