//! Which bytes a segment is, and the names that its data files get from that.

use std::fmt;

use sha2::{Digest, Sha256};

/// Stands before the ETag of a segment that could not be read to its end, for a reason that may
/// pass: its rows have other names than those of a whole reading.
const UNREAD: &str = "unread:";

/// Odd, and as good as random.
const FACTOR: i64 = 0x1E37_79B9_7F4A_7C15;

/// Identity of a segment's bytes: never its address alone, since what stands there can change.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SourceId {
    /// `s3://bucket/key` or `file:///path`.
    pub uri: String,
    /// The object's ETag; for a local file, whatever changes when its bytes do.
    pub etag: String,
}

impl SourceId {
    /// A name of these bytes: what the data files are named after that have their rows.
    pub fn id(&self) -> String {
        self.key().to_string()
    }

    /// The same bytes, of which only a part could be read.
    #[must_use]
    pub fn unread(self) -> Self {
        Self { etag: format!("{UNREAD}{}", self.etag), ..self }
    }

    /// Whether the bytes were read to their end.
    pub(crate) fn is_whole(&self) -> bool {
        !self.etag.starts_with(UNREAD)
    }

    /// What the segment's data files are named after.
    pub(crate) fn key(&self) -> SourceKey {
        SourceKey {
            place: u128::from_le_bytes(hash(&self.uri)),
            version: u128::from_le_bytes(hash(&self.etag)),
        }
    }
}

fn hash(text: &str) -> [u8; 16] {
    let mut first = [0; 16];
    first.copy_from_slice(&Sha256::digest(text)[..16]);
    first
}

/// Where a segment is and which bytes stand there, short enough for a file's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SourceKey {
    /// Of its address.
    pub(crate) place: u128,
    /// Of its ETag.
    pub(crate) version: u128,
}

impl SourceKey {
    /// A number of both.
    pub(crate) fn number(self) -> i64 {
        // Both are of hashes; multiplied, so that it matters which is which.
        let first = |n: u128| i64::from_le_bytes(*n.to_le_bytes().first_chunk().expect("16 bytes"));
        first(self.place).wrapping_mul(FACTOR).wrapping_add(first(self.version))
    }

    /// The name of the segment's file number `part`, in the folder of any table and the same
    /// whoever writes it.
    pub(crate) fn file_name(self, part: usize) -> String {
        format!("part-{self}-{part:05}.parquet")
    }

    /// What a data file is named after; `None` where it is of several segments.
    pub(crate) fn of_file(path: &str) -> Option<Self> {
        let name = path.rsplit('/').next()?.strip_prefix("part-")?;
        Self::parse(name.rsplit_once('-')?.0)
    }

    /// A key as it is written.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (place, version) = text.split_once('-')?;
        let number = |hex: &str| u128::from_str_radix(hex, 16).ok().filter(|_| hex.len() == 32);
        Some(Self { place: number(place)?, version: number(version)? })
    }
}

impl fmt::Display for SourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}-{:032x}", self.place, self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_depend_on_all_that_identifies_a_segment() {
        let key = |uri: &str, etag: &str| SourceId { uri: uri.into(), etag: etag.into() }.key();
        let first = key("s3://b/k", "e");
        assert_eq!(first, key("s3://b/k", "e"));
        assert_eq!(first.place, key("s3://b/k", "f").place);
        assert_ne!(first.version, key("s3://b/k", "f").version);
        assert_ne!(first.place, key("s3://b/l", "e").place);
        assert_ne!(first.file_name(0), first.file_name(1));
        let unread = SourceId { uri: "s3://b/k".into(), etag: "e".into() }.unread();
        assert!(!unread.is_whole());
        assert_ne!(unread.key().version, first.version);
    }

    #[test]
    fn a_name_tells_its_segment() {
        let key = SourceId { uri: "file:///a".into(), etag: "1-2".into() }.key();
        let name = key.file_name(7);
        assert_eq!(SourceKey::of_file(&format!("task_ends/{name}")), Some(key));
        for other in ["part-00000-1234.parquet", "part-1-2-3.parquet", "compacted.parquet", ""] {
            assert_eq!(SourceKey::of_file(other), None, "{other}");
        }
    }
}
