//! A command that works until it is told to stop, and says how it is meanwhile.

use std::error::Error;
use std::sync::Arc;

use anyhow::{Context, Result};
use futures::future::{BoxFuture, FutureExt};
use stagelight_ingest::{Health, Metrics};
use stagelight_server::{Exposition, Probe, ProbeServer};
use tokio::sync::oneshot;

use crate::serve::stopped;
use crate::terminal::hint;

/// What it says when it is told to stop.
pub(crate) struct Farewell {
    /// With the first signal: it stops when it has done what it is at.
    pub(crate) stopping: &'static str,
    /// With the second.
    pub(crate) at_once: &'static str,
}

/// What it tells of itself.
#[derive(Debug, Default)]
pub(crate) struct OwnProbe<M> {
    pub(crate) metrics: Arc<M>,
    pub(crate) health: Arc<Health>,
}

/// Does `work`, which is given what is done when it is to stop, and lets `server` answer for it.
pub(crate) async fn until_stopped<M, W, E>(
    server: ProbeServer,
    probe: OwnProbe<M>,
    farewell: &'static Farewell,
    work: impl FnOnce(BoxFuture<'static, ()>) -> W,
) -> Result<()>
where
    M: Metrics,
    W: Future<Output = Result<(), E>>,
    E: Error + Send + Sync + 'static,
{
    let (end, ended) = oneshot::channel::<()>();
    let answering = tokio::spawn(server.run(Arc::new(probe), async {
        // It ends when nobody is left who could say so, too.
        let _ = ended.await;
    }));
    let stop = stopped()?;
    let told = async move {
        stop.await;
        hint(farewell.stopping);
        tokio::spawn(stop_at_once(farewell));
    };
    let result = work(told.boxed()).await;
    drop(end);
    answering.await.context("answering probes")??;
    Ok(result?)
}

/// Ends the process with the second signal.
async fn stop_at_once(farewell: &'static Farewell) {
    let Ok(stop) = stopped() else { return };
    stop.await;
    hint(farewell.at_once);
    std::process::exit(1);
}

impl<M: Metrics> Probe for OwnProbe<M> {
    fn metrics(&self, out: &mut Exposition) {
        for family in self.metrics.families() {
            out.family(family.name, family.kind, family.help);
            for sample in family.samples {
                let name = format!("{}{}", family.name, sample.suffix);
                let label = sample.label.as_ref().map(|(name, value)| (*name, value.as_str()));
                out.sample(&name, label, sample.value);
            }
        }
    }

    fn problem(&self) -> Option<String> {
        self.health.problem()
    }
}
