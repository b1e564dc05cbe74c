//! Small data files, kept in memory once they were read.
//!
//! A question reads a file once for each view that it is in, `serve` asks the same questions again and
//! again, and buckets cost by the request. Data files never change, so what was read stays true.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use object_store::path::Path;
use object_store::{
    Attributes, CopyOptions, GetOptions, GetRange, GetResult, GetResultPayload, ListResult,
    MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result,
};

/// A larger file is not kept. As much of a file's end is read first: a smaller one comes whole.
pub(crate) const SMALL: usize = 512 << 10;

/// A store of files that never change, the small ones of which are fetched once.
#[derive(Debug)]
pub(crate) struct SmallFiles {
    store: Arc<dyn ObjectStore>,
    /// Bytes of all that is kept.
    room: usize,
    kept: Mutex<Kept>,
}

impl SmallFiles {
    pub(crate) fn new(store: Arc<dyn ObjectStore>, room: usize) -> Self {
        Self { store, room, kept: Mutex::default() }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, path: &Path) -> Option<File> {
        self.kept().files.get(path).cloned()
    }
}

/// A whole file.
#[derive(Clone, Debug)]
struct File {
    meta: ObjectMeta,
    bytes: Bytes,
}

impl File {
    /// A part of it; `None` where it does not go so far.
    fn part(&self, range: &Range<u64>) -> Option<Bytes> {
        let [start, end] = [range.start, range.end].map(|n| usize::try_from(n).ok());
        let range = start?..end?;
        (range.start <= range.end && range.end <= self.bytes.len()).then(|| self.bytes.slice(range))
    }

    /// A part of it as the store would answer.
    fn answer(&self, range: Range<u64>) -> Option<GetResult> {
        let part = self.part(&range)?;
        Some(GetResult {
            payload: GetResultPayload::Stream(stream::iter([Ok(part)]).boxed()),
            meta: self.meta.clone(),
            range,
            attributes: Attributes::default(),
        })
    }
}

#[derive(Debug, Default)]
struct Kept {
    files: HashMap<Path, File>,
    /// Their paths, in no order.
    paths: Vec<Path>,
    bytes: usize,
}

impl Kept {
    fn keep(&mut self, path: &Path, file: File, room: usize) {
        let size = file.bytes.len();
        // Two who ask at once both fetch it.
        if self.files.insert(path.clone(), file).is_some() {
            return;
        }
        self.paths.push(path.clone());
        self.bytes += size;
        while self.bytes > room {
            // Any: were it the one that was read longest ago, then whoever reads a little more than there
            // is room for, again and again, would never find any.
            let path = self.paths.swap_remove(fastrand::usize(..self.paths.len()));
            self.bytes -= self.files.remove(&path).map_or(0, |file| file.bytes.len());
        }
    }
}

/// The range that is asked for, where nothing else is.
fn plain_range(options: &GetOptions) -> Option<Range<u64>> {
    let is_plain = !options.head
        && options.version.is_none()
        && (&options.if_match, &options.if_none_match) == (&None, &None)
        && (options.if_modified_since, options.if_unmodified_since) == (None, None);
    match &options.range {
        Some(GetRange::Bounded(range)) if is_plain => Some(range.clone()),
        _ => None,
    }
}

#[async_trait]
impl ObjectStore for SmallFiles {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let Some(range) = plain_range(&options) else {
            return self.store.get_opts(location, options).await;
        };
        if let Some(answer) = self.file(location).and_then(|file| file.answer(range.clone())) {
            return Ok(answer);
        }
        let found = self.store.get_opts(location, options).await?;
        let is_whole = found.range == (0..found.meta.size);
        if !is_whole || found.meta.size > SMALL as u64 {
            return Ok(found);
        }
        let (meta, attributes, range) =
            (found.meta.clone(), found.attributes.clone(), found.range.clone());
        let bytes = found.bytes().await?;
        self.kept().keep(location, File { meta: meta.clone(), bytes: bytes.clone() }, self.room);
        let payload = GetResultPayload::Stream(stream::iter([Ok(bytes)]).boxed());
        Ok(GetResult { payload, meta, range, attributes })
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let file = self.file(location);
        if let Some(parts) =
            file.and_then(|file| ranges.iter().map(|range| file.part(range)).collect())
        {
            return Ok(parts);
        }
        match ranges {
            // Only the answer to one range says how large the file is.
            [range] if range.start == 0 && range.end <= SMALL as u64 => {
                let options = GetOptions::new().with_range(Some(range.clone()));
                Ok(vec![self.get_opts(location, options).await?.bytes().await?])
            }
            _ => self.store.get_ranges(location, ranges).await,
        }
    }

    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.store.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.store.put_multipart_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.store.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.store.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.store.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.store.copy_opts(from, to, options).await
    }
}

impl fmt::Display for SmallFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with small files in memory", self.store)
    }
}

#[cfg(test)]
mod tests {
    use object_store::ObjectStoreExt;
    use object_store::memory::InMemory;

    use super::*;

    #[tokio::test]
    async fn a_small_file_is_fetched_once_and_a_large_one_whenever_it_is_read() {
        let store = Arc::new(InMemory::new());
        let [small, large] = ["small", "large"].map(Path::from);
        let bytes: Vec<u8> = (0..=255).cycle().take(SMALL + 1).collect();
        store.put(&small, bytes[..1000].to_vec().into()).await.expect("it is stored");
        store.put(&large, bytes.clone().into()).await.expect("it is stored");
        let files = SmallFiles::new(Arc::clone(&store) as _, 4000);

        for (path, range) in [(&small, 10..20), (&large, 10..20), (&small, 0..20)] {
            let part = files.get_range(path, range.start as u64..range.end as u64).await;
            assert_eq!(part.expect("a part"), &bytes[range]);
        }
        assert!(files.kept().files.is_empty(), "a part is not the whole");
        let all = files.get_ranges(&small, &[0..1000]).await.expect("all");
        assert_eq!(all, [&bytes[..1000]]);
        files.get_range(&large, 0..bytes.len() as u64).await.expect("all");
        files.get_range(&small, 0..1001).await.expect("no more than there is");

        for path in [&small, &large] {
            store.delete(path).await.expect("it was there");
        }
        assert_eq!(
            files.get_range(&small, 990..1000).await.expect("it is kept"),
            &bytes[990..1000]
        );
        let parts = files.get_ranges(&small, &[0..10, 500..600]).await.expect("it is kept");
        assert_eq!(parts, [&bytes[..10], &bytes[500..600]]);
        files.get_range(&small, 0..1001).await.expect_err("that is for the store to say");
        files.head(&small).await.expect_err("that is for the store to say");
        files.get_range(&large, 0..10).await.expect_err("it is too large");
    }

    #[tokio::test]
    async fn there_is_no_more_than_there_is_room_for() {
        let store = Arc::new(InMemory::new());
        let files = SmallFiles::new(Arc::clone(&store) as _, 1000);
        let path = |n: u64| Path::from(format!("file-{n}"));
        let read = async |n: u64| files.get_range(&path(n), 0..100 + n).await;
        for n in 0..20 {
            store.put(&path(n), vec![0; 100 + n as usize].into()).await.expect("it is stored");
            read(n).await.expect("it is there");
            let kept = files.kept();
            assert_eq!(kept.bytes, kept.files.values().map(|file| file.bytes.len()).sum::<usize>());
            assert_eq!(kept.files.len(), kept.paths.len());
            assert!(kept.bytes <= 1000, "{}", kept.bytes);
        }
        assert!(files.kept().bytes > 700, "there is room for it");
    }
}
