//! From a segment to the files that the lake has of it: waiting for bytes and for the lake here,
//! work on the pool's threads.

use std::num::NonZeroUsize;
use std::sync::Arc;

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};
use stagelight_lake::{Ingested, Lake};
use tokio::sync::mpsc;

use crate::objects::Objects;
use crate::opener::{Opener, Source};
use crate::read::{self, Outcome, ReadError, Reader};
use crate::report::Progress;
use crate::segment::{Place, Segment};

/// Finished files of a segment that wait to be stored: they are what holds memory.
const FILES_WAITING: usize = 1;

/// What segments pass through.
pub(crate) struct Pipeline {
    lake: Arc<Lake>,
    pool: Arc<ThreadPool>,
    reader: Arc<Reader>,
}

impl Pipeline {
    /// Starts `threads` that decode.
    pub(crate) fn new(
        lake: Arc<Lake>,
        objects: Option<Arc<dyn Objects>>,
        threads: NonZeroUsize,
        max_line_bytes: usize,
        progress: Arc<Progress>,
    ) -> Result<Self, ThreadPoolBuildError> {
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads.get())
            .thread_name(|n| format!("decode-{n}"))
            .build()?;
        let reader = Reader { opener: Opener::new(objects), max_line_bytes, progress };
        Ok(Self { lake, pool: Arc::new(pool), reader: Arc::new(reader) })
    }

    /// Counts a row that was kept in quarantine instead of a segment.
    pub(crate) fn count_kept(&self) {
        self.reader.progress.add_quarantined(1);
    }

    /// Reads `segment` and stores its files. Nothing of it is visible before it is committed.
    ///
    /// When this is dropped, the thread stops with the next file that it finishes.
    pub(crate) async fn read(&self, mut segment: Segment) -> Result<Outcome, ReadError> {
        let mut source = None;
        // Also where it is said to be empty: it may be gone, or another by now.
        if let Place::Object(address) = &segment.place {
            let etag = Some(segment.source.etag.as_str()).filter(|etag| !etag.is_empty());
            let fetch = self.reader.opener.fetch(address, etag).await?;
            segment = segment.of(&fetch.object);
            source = Some(Source::Object(fetch.body));
        }
        let (sender, mut files) = mpsc::channel(FILES_WAITING);
        let (pool, reader) = (Arc::clone(&self.pool), Arc::clone(&self.reader));
        let decoding = tokio::task::spawn_blocking(move || {
            pool.install(|| {
                if sender.is_closed() {
                    return Err(ReadError::Stopped);
                }
                let mut sink = |file| sender.blocking_send(file).map_err(|_| ReadError::Stopped);
                read::read(&reader, segment, source, &mut sink)
            })
        });
        let mut stored = Vec::new();
        while let Some(file) = files.recv().await {
            stored.push(self.lake.put(file).await?);
        }
        let outcome = decoding.await.map_err(|_| ReadError::Panicked)??;
        Ok(Outcome { ingested: Ingested { files: stored, ..outcome.ingested }, ..outcome })
    }
}
