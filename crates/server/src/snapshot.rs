//! Snapshots of the metrics, computed in the background.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use stagelight_query::{Engine, Metric, QueryError};
use tokio::sync::watch;

use crate::exposition::{Rendered, render};
use crate::settings::Settings;

/// The metrics as they were at a time.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// The exposition.
    pub(crate) text: String,
    /// How many series it has.
    pub(crate) series: usize,
    /// When it was computed.
    pub(crate) computed: Instant,
    /// How long that took.
    pub(crate) took: Duration,
}

/// What the task in the background knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Status {
    /// The newest snapshot; kept when a newer one cannot be computed.
    pub(crate) snapshot: Option<Arc<Snapshot>>,
    /// What keeps it from being newer.
    pub(crate) problem: Option<String>,
}

impl Status {
    /// Whether the first snapshot has been tried.
    pub(crate) fn is_settled(&self) -> bool {
        self.snapshot.is_some() || self.problem.is_some()
    }
}

/// Computes snapshots of `metrics` for as long as the task lives.
pub(crate) async fn keep_fresh(
    engine: Arc<Engine>,
    metrics: Vec<Metric>,
    settings: Settings,
    status: watch::Sender<Status>,
) {
    // Set until a snapshot shows what the lake has: when one fails, the news must not be lost.
    let mut news = true;
    let mut repeated = HashSet::new();
    loop {
        let started = Instant::now();
        let refreshed = engine.refresh().await;
        // Where a refresh fails, some tables may have been refreshed before.
        news |= *refreshed.as_ref().unwrap_or(&true);
        let latest = status.borrow().snapshot.clone();
        let too_old = latest.is_none_or(|s| s.computed.elapsed() >= settings.snapshot_max_age);
        match refreshed {
            Err(error) => fail(&status, &error),
            Ok(_) if news || too_old => {
                match compute(&engine, &metrics, settings.metrics_window, &mut repeated).await {
                    Err(error) => fail(&status, &error),
                    Ok(snapshot) => {
                        publish(&status, snapshot);
                        news = false;
                    }
                }
            }
            Ok(_) => {}
        }
        // A lake that always has news must not keep the machine busy all the time.
        tokio::time::sleep(settings.poll.max(started.elapsed())).await;
    }
}

/// Computes a snapshot. A family in which series come twice is told once and goes to `repeated`.
async fn compute(
    engine: &Engine,
    metrics: &[Metric],
    window: Duration,
    repeated: &mut HashSet<String>,
) -> Result<Snapshot, QueryError> {
    let started = Instant::now();
    let rendered = render(engine.families(metrics, window).await?);
    for family in rendered.repeated {
        if repeated.insert(family.clone()) {
            tracing::warn!(family, "series come twice; the greatest value of each is kept");
        }
    }
    let Rendered { text, series, .. } = rendered;
    let took = started.elapsed();
    tracing::debug!(series, bytes = text.len(), ?took, "computed metrics");
    Ok(Snapshot { text, series, computed: started, took })
}

fn publish(status: &watch::Sender<Status>, snapshot: Snapshot) {
    let before = status.send_replace(Status { snapshot: Some(Arc::new(snapshot)), problem: None });
    if before.problem.is_some() {
        tracing::info!("metrics can be computed again");
    }
}

fn fail(status: &watch::Sender<Status>, error: &QueryError) {
    let problem = Some(error.to_string());
    // The same trouble at every poll is one line of the log.
    if status.borrow().problem != problem {
        tracing::error!(%error, "cannot compute metrics; the latest stay");
    }
    status.send_modify(|status| status.problem = problem);
}
