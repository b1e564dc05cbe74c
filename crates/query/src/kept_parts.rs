//! Parts of data files, kept in memory once they were read.
//!
//! A question reads a file once for each view that it is in, `serve` asks the same questions again and
//! again, and buckets cost by the request. Data files never change, so what was read stays true.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// As much of a file's end is read first: all of a small one, and of most others all that says where
/// their columns are.
pub(crate) const END: usize = 256 << 10;
/// A larger part is not kept.
const PART: usize = 1 << 20;

/// A store of files that never change, parts of which are fetched once.
#[derive(Debug)]
pub(crate) struct KeptParts {
    store: Arc<dyn ObjectStore>,
    /// Bytes of all that is kept.
    room: usize,
    kept: Mutex<Kept>,
}

impl KeptParts {
    pub(crate) fn new(store: Arc<dyn ObjectStore>, room: usize) -> Self {
        Self { store, room, kept: Mutex::default() }
    }

    fn kept<T>(&self, with: impl FnOnce(&mut Kept) -> T) -> T {
        with(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[derive(Debug, Default)]
struct Kept {
    files: HashMap<Path, Vec<Part>>,
    /// Their paths, in no order.
    paths: Vec<Path>,
    bytes: usize,
}

#[derive(Debug)]
struct Part {
    start: u64,
    bytes: Bytes,
}

impl Part {
    /// What it has of `range`; `None` where that is not all.
    fn slice(&self, range: &Range<u64>) -> Option<Bytes> {
        let [start, end] = [range.start, range.end].map(|at| at.checked_sub(self.start));
        let range = usize::try_from(start?).ok()?..usize::try_from(end?).ok()?;
        (range.start <= range.end && range.end <= self.bytes.len()).then(|| self.bytes.slice(range))
    }
}

impl Kept {
    fn find(&self, path: &Path, range: &Range<u64>) -> Option<Bytes> {
        self.files.get(path)?.iter().find_map(|part| part.slice(range))
    }

    fn keep(&mut self, path: &Path, range: &Range<u64>, bytes: &Bytes, room: usize) {
        // Two who ask at once both fetch it.
        if bytes.len() > PART || self.find(path, range).is_some() {
            return;
        }
        let parts = self.files.entry(path.clone()).or_default();
        if parts.is_empty() {
            self.paths.push(path.clone());
        }
        // A part of an answer would keep all of it.
        parts.push(Part { start: range.start, bytes: Bytes::copy_from_slice(bytes) });
        self.bytes += bytes.len();
        while self.bytes > room {
            // Any: were it the one that was read longest ago, then whoever reads a little more than there
            // is room for, again and again, would never find any.
            let path = self.paths.swap_remove(fastrand::usize(..self.paths.len()));
            let gone = self.files.remove(&path).unwrap_or_default();
            self.bytes -= gone.iter().map(|part| part.bytes.len()).sum::<usize>();
        }
    }
}

#[async_trait]
impl ObjectStore for KeptParts {
    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let find =
            |kept: &mut Kept| ranges.iter().map(|range| kept.find(location, range)).collect();
        if let Some(parts) = self.kept(find) {
            return Ok(parts);
        }
        let parts = self.store.get_ranges(location, ranges).await?;
        self.kept(|kept| {
            for (range, bytes) in ranges.iter().zip(&parts) {
                kept.keep(location, range, bytes, self.room);
            }
        });
        Ok(parts)
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.store.get_opts(location, options).await
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

impl fmt::Display for KeptParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with parts in memory", self.store)
    }
}

#[cfg(test)]
mod tests {
    use object_store::ObjectStoreExt;
    use object_store::memory::InMemory;

    use super::*;

    #[tokio::test]
    async fn a_part_is_fetched_once_unless_it_is_large() {
        let store = Arc::new(InMemory::new());
        let path = Path::from("file");
        let bytes: Vec<u8> = (0..=255).cycle().take(3 * PART).collect();
        store.put(&path, bytes.clone().into()).await.expect("it is stored");
        let files = KeptParts::new(Arc::clone(&store) as _, 2 * PART);
        let part = async |path: &Path, range: Range<u64>| {
            let mut parts = files.get_ranges(path, std::slice::from_ref(&range)).await?;
            Ok::<_, object_store::Error>(parts.remove(0))
        };
        let large = 100..101 + PART as u64;
        files.get_ranges(&path, &[1000..2000, 5000..6000]).await.expect("parts");
        for range in [1500..2500, large.clone()] {
            part(&path, range).await.expect("it is there");
        }
        store.delete(&path).await.expect("it was there");

        for range in [1000..2000, 1001..1999, 1500..1500, 5999..6000, 1600..2500] {
            let kept = part(&path, range.start as u64..range.end as u64).await;
            assert_eq!(kept.expect("it is kept"), &bytes[range]);
        }
        let both = files.get_ranges(&path, &[1000..1001, 5000..5002]).await;
        assert_eq!(both.expect("they are kept"), [&bytes[1000..1001], &bytes[5000..5002]]);
        for range in [999..1001, 5999..6001, 3000..3001, 1000..2500, large] {
            part(&path, range).await.expect_err("that is for the store to say");
        }
        part(&Path::from("other"), 1000..2000).await.expect_err("it is of another file");
    }

    #[tokio::test]
    async fn there_is_no_more_than_there_is_room_for() {
        let store = Arc::new(InMemory::new());
        let files = KeptParts::new(Arc::clone(&store) as _, 1000);
        let path = |n: u64| Path::from(format!("file-{n}"));
        for n in 0..20 {
            store.put(&path(n), vec![0; 200].into()).await.expect("it is stored");
            files.get_ranges(&path(n), &[0..10, 50..150 + n]).await.expect("parts");
            files.kept(|kept| {
                let parts = kept.files.values().flatten().map(|part| part.bytes.len());
                assert_eq!(kept.bytes, parts.sum::<usize>());
                assert_eq!(kept.files.len(), kept.paths.len());
                assert!(kept.bytes <= 1000, "{}", kept.bytes);
            });
        }
        assert!(files.kept(|kept| kept.bytes) > 700, "there is room for it");
    }
}
