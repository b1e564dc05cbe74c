//! Objects in buckets, as far as reading logs needs them.

use std::fmt;
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use thiserror::Error;

/// Where an object is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    /// The bucket's name.
    pub bucket: String,
    /// The object's key, as it is and not as a URL would have it.
    pub key: String,
}

impl Address {
    /// Reads `s3://bucket/key`; the key may be empty. `s3a://` and `s3n://`, as Hadoop has it, are
    /// the same.
    pub fn parse(uri: &str) -> Option<Self> {
        let (scheme, rest) = uri.split_once("://")?;
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        (matches!(scheme, "s3" | "s3a" | "s3n") && !bucket.is_empty())
            .then(|| Self { bucket: bucket.to_owned(), key: key.to_owned() })
    }

    /// Whether `other` is the same object or below this one, seen as a folder.
    pub(crate) fn contains(&self, other: &Self) -> bool {
        let below = other.key.strip_prefix(&self.key);
        self.bucket == other.bucket
            && below.is_some_and(|rest| {
                rest.is_empty()
                    || rest.starts_with('/')
                    || self.key.is_empty()
                    || self.key.ends_with('/')
            })
    }

    /// Whether it is a place of objects by its name, and none itself.
    pub fn is_folder(&self) -> bool {
        self.key.is_empty() || self.key.ends_with('/')
    }

    /// The last two parts of the key: the folder, empty where there is none, and the file.
    pub(crate) fn folder_and_file(&self) -> (&str, &str) {
        let (folder, file) = self.key.rsplit_once('/').unwrap_or(("", &self.key));
        (folder.rsplit('/').next().unwrap_or_default(), file)
    }

    /// What is before the file, with the slash.
    pub(crate) fn folder(&self) -> Self {
        let folder = self.key.rfind('/').map_or("", |at| &self.key[..=at]);
        Self { bucket: self.bucket.clone(), key: folder.to_owned() }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

/// An object at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Where it is.
    pub address: Address,
    /// What changes when its bytes do, without quotes.
    pub etag: String,
    /// Its size in bytes.
    pub size: u64,
    /// When it was put there, in whole seconds.
    pub modified: DateTime<Utc>,
}

/// Some of an object's bytes.
#[derive(Clone, Debug)]
pub struct Part {
    /// The object that they are of.
    pub object: Object,
    /// The bytes.
    pub bytes: Bytes,
}

/// Some of the objects under a prefix.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The objects, by key.
    pub objects: Vec<Object>,
    /// What asks for the page after this one, if there is one.
    pub next: Option<String>,
}

/// Why an object was not given, and so what is to be done about it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ObjectError {
    /// There is no such object. Nothing is to be done.
    #[error("it is gone")]
    Gone,
    /// Other bytes than the expected ones are there now. Look what is there.
    #[error("it has changed meanwhile")]
    Changed,
    /// The store will not give it, now or in a moment: rights, a key, an archive.
    #[error("{0}")]
    Refused(String),
    /// It may go better in a moment.
    #[error("{0}")]
    Failed(String),
}

/// A store of objects.
#[async_trait]
pub trait Objects: fmt::Debug + Send + Sync + 'static {
    /// What is at `address` now.
    async fn head(&self, address: &Address) -> Result<Object, ObjectError>;

    /// The bytes of `range` that the object at `address` has, if its ETag is `etag` where one is
    /// given. All of them, or an error; fewer than asked for only where the object ends.
    async fn get(
        &self,
        address: &Address,
        etag: Option<&str>,
        range: Range<u64>,
    ) -> Result<Part, ObjectError>;

    /// The objects whose keys begin with the one of `prefix`, by key: the first page, or the one
    /// that `page` asks for.
    async fn list(&self, prefix: &Address, page: Option<&str>) -> Result<Page, ObjectError>;

    /// Deletes `object`, if its bytes are still those that are there.
    async fn delete(&self, object: &Object) -> Result<(), ObjectError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(uri: &str) -> Address {
        Address::parse(uri).expect(uri)
    }

    #[test]
    fn addresses_are_uris() {
        for uri in ["s3://logs/", "s3://logs/spark/", "s3://logs/spark/a b+c%20ü"] {
            assert_eq!(address(uri).to_string(), uri);
        }
        assert_eq!(address("s3a://logs"), address("s3://logs/"));
        for wrong in ["logs/spark", "s3:///spark", "file:///logs", "gs://logs/spark"] {
            assert_eq!(Address::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_place_contains_itself_and_what_is_below() {
        for (outer, inner, contains) in [
            ("s3://logs", "s3://logs/spark/app-1", true),
            ("s3://logs/spark", "s3://logs/spark/app-1", true),
            ("s3://logs/spark/", "s3://logs/spark/app-1", true),
            ("s3://logs/spark/app-1", "s3://logs/spark/app-1", true),
            ("s3://logs/spark/app-1", "s3://logs/spark/app-10", false),
            ("s3://logs/spark/", "s3://logs/spark", false),
            ("s3://logs/spark", "s3://other/spark/app-1", false),
        ] {
            assert_eq!(address(outer).contains(&address(inner)), contains, "{outer} {inner}");
        }
    }
}
