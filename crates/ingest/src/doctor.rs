//! What may be wrong with the queue and the buckets of an installation, and how to mend it.
//!
//! Everything is asked with the credentials that the process has, so that it tells of the role that it
//! runs with. Nothing is changed: rights to write and to delete are tried with requests that cannot
//! succeed where a store heeds conditions, as S3 does. One that does not may store an entry of a log once
//! more as it is, or keep a marker that a key is deleted which nobody has.

mod lake;
mod logs;
mod queue;

use std::fmt::Display;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::aws::Failure;

pub use lake::{LakeRights, check_lake};
pub use logs::check_logs;
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
    /// What to do about it, where there is something to do.
    pub advice: Option<String>,
}

impl Check {
    /// All is well.
    pub fn good(found: impl Into<String>) -> Self {
        Self { verdict: Verdict::Good, found: found.into(), advice: None }
    }

    /// Something that `advice` mends, or makes better.
    pub fn new(verdict: Verdict, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { verdict, found: found.into(), advice: Some(advice.into()) }
    }
}

/// A request that a role needs has failed.
fn failed<E>(what: &str, right: &str, error: &SdkError<E, HttpResponse>) -> Check
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let failure = Failure::of(error);
    let found = format!("cannot {what}: {}", failure.message);
    let advice = failure.is_not_allowed().then(|| format!("the role needs {right}"));
    Check { verdict: Verdict::Wrong, found, advice }
}

/// A request that no role needs has failed.
fn unseen<E>(what: impl Display, right: &str, error: &SdkError<E, HttpResponse>) -> Check
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let failure = Failure::of(error);
    let found = format!("{what} cannot be looked at: {}", failure.message);
    let advice = failure.is_not_allowed().then(|| format!("who runs this needs {right} for that"));
    Check { verdict: Verdict::Unknown, found, advice }
}

/// Whether a right is there. A request that cannot succeed shows it where it is refused for what else is
/// wrong with it, as `shows` says of the failure: what lacks the right does not come so far.
fn right<T, E>(
    what: &str,
    right: &str,
    answer: Result<T, SdkError<E, HttpResponse>>,
    shows: impl Fn(&Failure) -> bool,
) -> Check
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match answer {
        Err(error) if Failure::of(&error).is_not_allowed() => failed(what, right, &error),
        Err(error) if !shows(&Failure::of(&error)) => {
            unseen(format!("whether it may {what}"), right, &error)
        }
        _ => Check::good(format!("may {what}")),
    }
}

/// Whether what is below `folder` of a bucket may be deleted, tried with a key that nobody has. A deletion on
/// a condition needs the right to read as well.
async fn may_delete(client: &Client, bucket: &str, folder: &str, what: &str) -> Check {
    let none = format!("{folder}stagelight-doctor-has-none");
    let delete = client.delete_object().bucket(bucket).key(none).if_match("\"none\"").send().await;
    let needed = format!("s3:DeleteObject and s3:GetObject of {what}");
    let shows = |failure: &Failure| matches!(failure.status, Some(404 | 412));
    right(&format!("delete {what}"), &needed, delete, shows)
}
