//! Snapshots of the metrics, computed in the background.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use stagelight_query::{Engine, Families, Family, Limits, LiveRollups, Metric, QueryError};
use tokio::sync::watch;

use crate::exposition::{Exposition, Format, order};
use crate::settings::Settings;

/// The metrics as they were at a time.
#[derive(Debug)]
pub(crate) struct Snapshot {
    text: Exposition,
    open_metrics: Exposition,
    /// How many series it has.
    pub(crate) series: usize,
    /// How many there were more, by family.
    pub(crate) dropped: Vec<(String, usize)>,
    /// How many families of `--metrics-dir` could not be computed.
    pub(crate) failed: usize,
    /// Applications that are too large for memory.
    pub(crate) left_out: usize,
    /// When it was computed.
    pub(crate) computed: Instant,
    /// How long that took.
    pub(crate) took: Duration,
}

impl Snapshot {
    /// The families in a format.
    pub(crate) fn families(&self, format: Format) -> &Exposition {
        match format {
            Format::Text => &self.text,
            Format::OpenMetrics => &self.open_metrics,
        }
    }
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

/// Who waits for a lake looks less and less often, since each look costs requests, but at least so often.
const LAKE_WAIT: Duration = Duration::from_secs(60);

/// Opens the lake with `open`, once there is one and it answers.
///
/// # Errors
///
/// Why a lake that is there cannot be opened, where that will not pass.
pub(crate) async fn wait_for_lake<F>(
    open: impl Fn() -> F,
    settings: &Settings,
    status: &watch::Sender<Status>,
) -> Result<Arc<Engine>, QueryError>
where
    F: Future<Output = Result<Arc<Engine>, QueryError>>,
{
    let mut wait = settings.poll;
    loop {
        match open().await {
            Err(error) if error.lake_may_come() => {
                let problem = Some(error.to_string());
                if status.borrow().problem != problem {
                    tracing::warn!("{error}; waiting for it");
                }
                status.send_modify(|status| status.problem = problem);
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(LAKE_WAIT.max(settings.poll));
            }
            result => {
                status.send_modify(|status| status.problem = None);
                return result;
            }
        }
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
    let mut before = Before::default();
    let mut whole_look = Instant::now();
    loop {
        let started = Instant::now();
        // What keeps metrics from being computed may be that files have moved.
        let is_due =
            status.borrow().problem.is_some() || whole_look.elapsed() >= settings.whole_look;
        let refreshed = match is_due {
            true => engine.refresh().await,
            false => engine.refresh_on_news().await,
        };
        if is_due && refreshed.is_ok() {
            whole_look = started;
        }
        // Where a refresh fails, some tables may have been refreshed before.
        news |= *refreshed.as_ref().unwrap_or(&true);
        let latest = status.borrow().snapshot.clone();
        let too_old = latest.is_none_or(|s| s.computed.elapsed() >= settings.snapshot_max_age);
        match refreshed {
            Err(error) => fail(&status, &error),
            Ok(_) if news || too_old => {
                match compute(&engine, &metrics, &settings, &mut before).await {
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

/// What snapshots leave to the next one.
#[derive(Default)]
struct Before {
    rollups: LiveRollups,
    limits: Limits,
    /// Families in which series came twice, which is told once.
    repeated: HashSet<String>,
    /// What was told of metrics and applications that cannot be computed.
    told: HashSet<String>,
}

/// Computes a snapshot.
async fn compute(
    engine: &Engine,
    metrics: &[Metric],
    settings: &Settings,
    before: &mut Before,
) -> Result<Snapshot, QueryError> {
    let started = Instant::now();
    let Before { rollups, limits, repeated, told } = before;
    let Families { mut families, failed } =
        engine.families(metrics, settings.metrics_window, rollups).await?;
    for (family, error) in &failed {
        if told.insert(error.to_string()) {
            tracing::error!(family, %error, "a metric cannot be computed; the others can");
        }
    }
    let failed = failed.len();
    for app_id in rollups.too_large() {
        if told.insert(app_id.to_owned()) {
            tracing::error!(
                app_id,
                "an application wants more than --memory-mib: counters and histograms have not all of it"
            );
        }
    }
    let left_out = rollups.too_large().len();
    for family in order(&mut families) {
        if repeated.insert(family.clone()) {
            tracing::warn!(family, "series come twice; the greatest value of each is kept");
        }
    }
    limits.apply(&mut families, settings.max_series);
    order(&mut families);
    let written = |format| {
        let mut exposition = Exposition::new(format);
        exposition.families(&families);
        exposition
    };
    let (text, open_metrics) = (written(Format::Text), written(Format::OpenMetrics));
    let series = families.iter().map(Family::series).sum();
    let dropped = families.into_iter().map(|family| (family.metric.family, family.dropped));
    let dropped: Vec<_> = dropped.collect();
    let took = started.elapsed();
    tracing::debug!(series, ?took, "computed metrics");
    Ok(Snapshot { text, open_metrics, series, dropped, failed, left_out, computed: started, took })
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
