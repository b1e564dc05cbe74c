//! What may be wrong with the queue and the buckets of an installation, and how to mend it.
//!
//! Everything is asked with the credentials that the process has, so that it tells of the role that it
//! runs with. Nothing is changed: rights to write and to delete are tried with requests that cannot
//! succeed where a store heeds conditions, as S3 does. One that does not may store an entry of a log once
//! more as it is, or keep a marker that a key is deleted which nobody has.

mod folder;
mod lake;
mod lifecycle;
mod logs;
mod notification;
mod policy;
mod queue;

use std::fmt::Display;

use aws_sdk_s3::Client;

use crate::aws::Failure;

pub use folder::check_folder;
pub use lake::{LakeRights, check_lake};
pub use logs::{check_announced, check_logs};
pub use queue::{InspectedQueue, check_queue};

/// How something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// As it should be.
    Good,
    /// Nobody could look.
    Unknown,
    /// It works, and could be better.
    Better,
    /// It does not work, or loses something.
    Wrong,
}

/// What was looked at, and what there is to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// How it stands.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What to do about it; always there where something is wrong or could be better.
    pub advice: Option<String>,
}

impl Check {
    /// All is well.
    pub fn good(found: impl Into<String>) -> Self {
        Self { verdict: Verdict::Good, found: found.into(), advice: None }
    }

    /// Something that cannot be looked at, and about which there is nothing to do.
    pub fn unseen(found: impl Into<String>) -> Self {
        Self { verdict: Verdict::Unknown, found: found.into(), advice: None }
    }

    /// Something that `advice` mends, makes better, or lets be seen.
    pub fn new(verdict: Verdict, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { verdict, found: found.into(), advice: Some(advice.into()) }
    }
}

/// A request that a role needs has failed.
fn failed(what: &str, right: &str, failure: &Failure) -> Check {
    let found = format!("cannot {what}: {}", failure.message);
    Check::new(Verdict::Wrong, found, failure.remedy(&format!("the role needs {right}")))
}

/// A request that no role needs has failed.
fn unseen(what: impl Display, right: &str, failure: &Failure) -> Check {
    let found = format!("{what} cannot be looked at: {}", failure.message);
    let advice = failure.remedy(&format!("who runs this needs {right} for that"));
    Check::new(Verdict::Unknown, found, advice)
}

/// Whether a right is there. A request that cannot succeed shows it where it is refused for what else is
/// wrong with it, as `shows` says of the failure: what lacks the right does not come so far.
fn right(
    what: &str,
    right: &str,
    answer: Result<(), Failure>,
    shows: impl Fn(&Failure) -> bool,
) -> Check {
    match answer {
        Err(failure) if failure.is_not_allowed() => failed(what, right, &failure),
        Err(failure) if !shows(&failure) => {
            unseen(format!("whether it may {what}"), right, &failure)
        }
        _ => Check::good(format!("may {what}")),
    }
}

/// Whether what is below `folder` of a bucket may be deleted, tried with a key that nobody has. A deletion on
/// a condition needs the right to read as well.
async fn may_delete(client: &Client, bucket: &str, folder: &str, what: &str) -> Check {
    let none = format!("{folder}stagelight-doctor-has-none");
    let delete = client.delete_object().bucket(bucket).key(none).if_match("\"none\"").send().await;
    let deleted = delete.map(drop).map_err(|error| Failure::of(&error));
    let needed = format!("s3:DeleteObject and s3:GetObject of {what}");
    right(&format!("delete {what}"), &needed, deleted, is_without_object)
}

/// Whether a condition on an object that is not there has failed.
fn is_without_object(failure: &Failure) -> bool {
    failure.status == Some(412) || failure.status == Some(404) && failure.code != "NoSuchBucket"
}

/// So many of something that takes an `s` where there is not one of it.
fn counted<N: Display + PartialEq + From<u8>>(number: N, what: &str) -> String {
    let s = if number == N::from(1) { "" } else { "s" };
    format!("{number} {what}{s}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_is_there_where_an_answer_shows_it() {
        use Verdict::{Good, Unknown, Wrong};
        let failure = |code: &str, status| Failure {
            code: code.to_owned(),
            status,
            message: code.to_owned(),
        };
        for (answer, verdict) in [
            (Ok(()), Good),
            (Err(failure("PreconditionFailed", Some(412))), Good),
            (Err(failure("NoSuchKey", Some(404))), Good),
            (Err(failure("", Some(404))), Good),
            (Err(failure("NoSuchBucket", Some(404))), Unknown),
            (Err(failure("AccessDenied", Some(403))), Wrong),
            (Err(failure("", Some(403))), Wrong),
            (Err(failure("", Some(401))), Wrong),
            (Err(failure("ExpiredToken", Some(400))), Wrong),
            (Err(failure("AccessDenied", None)), Wrong),
            (Err(failure("InvalidRequest", Some(400))), Unknown),
            (Err(failure("NotImplemented", Some(501))), Unknown),
            (Err(failure("SlowDown", Some(503))), Unknown),
            (Err(failure("", None)), Unknown),
        ] {
            let said = format!("{answer:?}");
            let check = right("delete logs", "s3:DeleteObject", answer, is_without_object);
            assert_eq!(check.verdict, verdict, "{said}");
            assert_eq!(check.advice.is_none(), verdict == Good, "{said}");
        }
        let denied = right("read", "s3:Get", Err(failure("AccessDenied", Some(403))), |_| true);
        assert_eq!(denied.found, "cannot read: AccessDenied");
        assert_eq!(denied.advice.as_deref(), Some("the role needs s3:Get"));
    }

    #[test]
    fn things_are_counted() {
        assert_eq!([0_u64, 1, 2].map(|n| counted(n, "file")), ["0 files", "1 file", "2 files"]);
    }
}
