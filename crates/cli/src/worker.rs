//! `stagelight worker`.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Result, bail};
use futures::FutureExt;
use futures::future::BoxFuture;
use stagelight_ingest::{
    GroupLimits, S3, Sqs, Worker, WorkerMetrics, WorkerOptions, aws_settings, retry,
};
use stagelight_lake::Lake;
use stagelight_server::ProbeServer;

use crate::args::{self, Global};
use crate::daemon::{Farewell, OwnProbe, answer_during};
use crate::serve::stopped;
use crate::terminal::hint;

static FAREWELL: Farewell = Farewell {
    stopping: "stopping: what is read is committed, the rest is given back",
    at_once: "stopped at once: what was not committed comes again",
};

/// Works until it is told to stop, and then until what it has begun is in or given back.
pub(crate) async fn run(global: &Global, command: &args::Worker) -> Result<ExitCode> {
    // clap does not see that of what a configuration file says.
    if command.reconcile_every.is_some() && command.prefix.is_none() {
        bail!("--reconcile-every needs --prefix, which it lists");
    }
    // Whoever tells it to stop while it starts is heard, too.
    let stop = stopped()?.boxed();
    let probe = Arc::new(OwnProbe::<WorkerMetrics>::default());
    let server = ProbeServer::bind(&command.listen.to_string()).await?;
    hint(&format!("listening on http://{}", server.local_addr()));
    let work = work(global, command, &probe, stop);
    answer_during(work, server, Arc::clone(&probe)).await?;
    Ok(ExitCode::SUCCESS)
}

async fn work(
    global: &Global,
    command: &args::Worker,
    probe: &OwnProbe<WorkerMetrics>,
    mut stop: BoxFuture<'static, ()>,
) -> Result<()> {
    let (worker, lake) = tokio::select! {
        biased;
        () = &mut stop => return Ok(()),
        started = start(global, command, probe) => started?,
    };
    Ok(worker.run(lake, FAREWELL.said_after(stop)).await?)
}

/// A worker that is ready to go, and the lake that it is for.
async fn start(
    global: &Global,
    command: &args::Worker,
    probe: &OwnProbe<WorkerMetrics>,
) -> Result<(Worker, Arc<Lake>)> {
    let settings = aws_settings().await;
    let queue = Sqs::new(&settings, &command.queue_url);
    let mut options = options(command);
    if options.max_receives.is_none() && queue.has_dead_letters().await? != Some(true) {
        options.max_receives = WorkerOptions::default().max_receives;
    }
    let lake = Arc::new(retry::lake(|| Lake::create(&global.lake)).await?);
    let worker = Worker {
        queue: Arc::new(queue),
        objects: Arc::new(S3::new(&settings)),
        options,
        metrics: Arc::clone(&probe.metrics),
        health: Arc::clone(&probe.health),
    };
    Ok((worker, lake))
}

fn options(command: &args::Worker) -> WorkerOptions {
    WorkerOptions {
        threads: command.decoding.threads(),
        max_line_bytes: command.decoding.max_line_bytes,
        max_object_bytes: command.max_object_mib << 20,
        bytes_in_flight: command.in_flight_mib << 20,
        within: command.prefix.clone(),
        commit: GroupLimits {
            segments: command.commit_segments.get(),
            rows: command.commit_rows,
            bytes: command.commit_mib << 20,
            age: command.commit_after,
        },
        visibility: command.visibility_timeout,
        max_receives: command.max_receives,
        drain: command.drain_timeout,
        reconcile: command.reconcile_every,
    }
}
