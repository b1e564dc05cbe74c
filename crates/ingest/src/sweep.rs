//! Looking for objects that no event ever announced.

use std::sync::Arc;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use stagelight_lake::Lake;
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::admission::Admission;
use crate::envelope::Notice;
use crate::objects::{Address, ObjectError, Objects};
use crate::retry;

/// What sweeping needs.
pub(crate) struct Sweep {
    pub(crate) lake: Arc<Lake>,
    pub(crate) objects: Arc<dyn Objects>,
    pub(crate) admission: Admission,
    /// Where it looks.
    pub(crate) place: Address,
    /// How often.
    pub(crate) every: Duration,
}

impl Sweep {
    /// Sends what the lake does not have, as often as is asked for, until nobody takes it.
    pub(crate) async fn go_on(self, found: mpsc::Sender<Notice>) {
        while !found.is_closed() {
            // Workers that were started together do not sweep together.
            sleep(self.every.mul_f64(0.75 + fastrand::f64() / 2.0)).await;
            match self.once(&found).await {
                Ok(missing) => tracing::info!(place = %self.place, missing, "swept"),
                Err(error) => tracing::warn!(place = %self.place, error, "not swept to the end"),
            }
        }
    }

    async fn once(&self, found: &mpsc::Sender<Notice>) -> Result<u64, String> {
        let ledger = self.lake.ledger().await.map_err(|error| error.to_string())?;
        // Of what came after that, the events are on their way.
        let before = Utc::now() - TimeDelta::from_std(self.every).unwrap_or(TimeDelta::MAX);
        let mut missing = 0;
        let mut page = None;
        loop {
            let list = || self.objects.list(&self.place, page.as_deref());
            let listed =
                retry::objects(list).await.map_err(|error: ObjectError| error.to_string())?;
            for object in listed.objects.into_iter().filter(|object| object.modified < before) {
                let notice = Notice::of(object);
                if self.admission.is_missing(&notice, &ledger) {
                    missing += 1;
                    if found.send(notice).await.is_err() {
                        return Ok(missing);
                    }
                }
            }
            page = listed.next;
            if page.is_none() {
                return Ok(missing);
            }
        }
    }
}
