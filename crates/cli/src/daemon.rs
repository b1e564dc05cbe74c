//! A command that works until it is told to stop, and says how it is meanwhile.

use std::sync::Arc;

use anyhow::{Context, Result};
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

/// Does `work`, and lets `server` tell of it meanwhile.
pub(crate) async fn answer_during<M: Metrics>(
    work: impl Future<Output = Result<()>>,
    server: ProbeServer,
    probe: Arc<OwnProbe<M>>,
) -> Result<()> {
    let (end, ended) = oneshot::channel::<()>();
    let answering = tokio::spawn(server.run(probe, async {
        // It ends when nobody is left who could say so, too.
        let _ = ended.await;
    }));
    let result = work.await;
    drop(end);
    answering.await.context("answering probes")??;
    result
}

impl Farewell {
    /// Is done when `stop` is, and has said so; from then on, the next signal ends the process.
    pub(crate) async fn said_after(&'static self, stop: impl Future<Output = ()>) {
        stop.await;
        hint(self.stopping);
        tokio::spawn(stop_at_once(self.at_once));
    }
}

/// Ends the process with the second signal.
async fn stop_at_once(farewell: &str) {
    let Ok(stop) = stopped() else { return };
    stop.await;
    hint(farewell);
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
