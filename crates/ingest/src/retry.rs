//! Trying again, later each time.

use std::time::Duration;

use stagelight_lake::{LakeError, MayPass};

use crate::objects::ObjectError;

/// How often something is tried before it is given up.
const ATTEMPTS: u32 = 5;
/// How often something is tried with a lake: without it nothing goes on.
const LAKE_ATTEMPTS: u32 = 8;
/// A lake is given more time from the start: each attempt has been several of the store's.
const LAKE_PAUSES: u32 = 3;
/// The longest pause after the first failure; it doubles with each.
const PAUSE: Duration = Duration::from_millis(100);
const PAUSE_AT_MOST: Duration = Duration::from_secs(20);

/// How long to pause after so many failures, one at least: a random time, so that those who failed
/// together do not come back together ("full jitter").
pub(crate) fn pause(failures: u32) -> Duration {
    let longest = PAUSE.saturating_mul(1 << failures.clamp(1, 16).saturating_sub(1));
    longest.min(PAUSE_AT_MOST).mul_f64(fastrand::f64())
}

/// Calls `get` until it says something other than that it may go better in a moment.
pub(crate) async fn objects<T, F>(mut get: impl FnMut() -> F) -> Result<T, ObjectError>
where
    F: Future<Output = Result<T, ObjectError>>,
{
    let mut failures = 0;
    loop {
        match get().await {
            Err(ObjectError::Failed(reason)) if failures + 1 < ATTEMPTS => {
                failures += 1;
                tracing::debug!(reason, failures, "trying again");
                tokio::time::sleep(pause(failures)).await;
            }
            result => return result,
        }
    }
}

/// Calls `work` until it says something other than that it may go better in a moment.
///
/// # Errors
///
/// Those of `work`: what cannot go better, or what it said at last.
pub async fn lake<T, E, F>(work: impl FnMut() -> F) -> Result<T, E>
where
    E: MayPass,
    F: Future<Output = Result<T, E>>,
{
    try_lake(LAKE_ATTEMPTS, work, |_| {}).await
}

/// Calls `work` as [`lake`] does, for as long as an outage takes; tells `failed` of each failure.
pub(crate) async fn lake_through_outages<T, F>(
    work: impl FnMut() -> F,
    failed: impl Fn(&LakeError),
) -> Result<T, LakeError>
where
    F: Future<Output = Result<T, LakeError>>,
{
    try_lake(u32::MAX, work, failed).await
}

async fn try_lake<T, E, F>(
    attempts: u32,
    mut work: impl FnMut() -> F,
    failed: impl Fn(&E),
) -> Result<T, E>
where
    E: MayPass,
    F: Future<Output = Result<T, E>>,
{
    let mut failures = 0;
    loop {
        match work().await {
            Err(error) if error.may_pass() && failures < attempts - 1 => {
                failures += 1;
                failed(&error);
                tracing::warn!(%error, failures, "the lake was not reached, trying again");
                tokio::time::sleep(lake_pause(failures)).await;
            }
            result => return result,
        }
    }
}

/// How long to pause after so many failures of a lake, one at least.
pub(crate) fn lake_pause(failures: u32) -> Duration {
    pause(failures.saturating_add(LAKE_PAUSES))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::ready;

    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        for failures in 1..40 {
            let longest = PAUSE * 2_u32.pow((failures - 1).min(15));
            assert!(pause(failures) <= longest.min(PAUSE_AT_MOST), "{failures}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_outlasted_but_not_a_refusal() {
        let fails = || LakeError::Store {
            path: "tasks/1".to_owned(),
            source: object_store::Error::Generic { store: "S3", source: "slow down".into() },
        };
        let calls = Cell::new(0);
        let told = Cell::new(0);
        let outage = 10 * LAKE_ATTEMPTS;
        let work = || {
            calls.set(calls.get() + 1);
            ready(if calls.get() <= outage { Err(fails()) } else { Ok(()) })
        };
        assert!(lake(work).await.is_err());
        assert_eq!(calls.get(), LAKE_ATTEMPTS);
        calls.set(0);
        assert!(lake_through_outages(work, |_| told.set(told.get() + 1)).await.is_ok());
        assert_eq!((calls.get(), told.get()), (outage + 1, outage));

        calls.set(0);
        let refused = lake_through_outages(
            || {
                calls.set(calls.get() + 1);
                ready(Err::<(), _>(LakeError::Deleted { path: "tasks/1".to_owned() }))
            },
            |_| {},
        );
        assert!(refused.await.is_err());
        assert_eq!(calls.get(), 1);
    }

    #[tokio::test]
    async fn only_what_may_pass_is_tried_again() {
        let mut calls = 0;
        let failed = objects(|| {
            calls += 1;
            ready(Err::<(), _>(ObjectError::Failed("slow down".to_owned())))
        });
        assert_eq!(failed.await, Err(ObjectError::Failed("slow down".to_owned())));
        assert_eq!(calls, ATTEMPTS);

        for error in [ObjectError::Gone, ObjectError::Refused("no".to_owned())] {
            let mut calls = 0;
            let result = objects(|| {
                calls += 1;
                ready(Err::<(), _>(error.clone()))
            });
            assert_eq!(result.await, Err(error.clone()));
            assert_eq!(calls, 1);
        }

        let mut calls = 0;
        let result = objects(|| {
            calls += 1;
            ready(if calls < 3 { Err(ObjectError::Failed(String::new())) } else { Ok(calls) })
        });
        assert_eq!(result.await, Ok(3));
    }
}
