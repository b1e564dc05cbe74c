//! `stagelight worker`.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use stagelight_ingest::{
    GroupLimits, Objects, Queue, S3, Sqs, Worker, WorkerMetrics, WorkerOptions, aws_settings,
};
use stagelight_lake::Lake;
use stagelight_server::ProbeServer;

use crate::args::{self, Global};
use crate::daemon::{Farewell, OwnProbe, until_stopped};
use crate::terminal::hint;

const FAREWELL: Farewell = Farewell {
    stopping: "stopping: what is read is committed, the rest is given back",
    at_once: "stopped at once: what was not committed comes again",
};

/// Works until it is told to stop, and then until what it has begun is in or given back.
pub(crate) async fn run(global: &Global, command: &args::Worker) -> Result<ExitCode> {
    let settings = aws_settings().await;
    let queue = Sqs::new(&settings, &command.queue_url);
    let mut options = options(command);
    if options.max_receives.is_none() && queue.has_dead_letters().await? != Some(true) {
        options.max_receives = WorkerOptions::default().max_receives;
    }
    let queue: Arc<dyn Queue> = Arc::new(queue);
    let objects: Arc<dyn Objects> = Arc::new(S3::new(&settings));
    let lake = Arc::new(Lake::create(&global.lake).await?);
    let probe = OwnProbe::<WorkerMetrics>::default();
    let worker = Worker {
        queue,
        objects,
        options,
        metrics: Arc::clone(&probe.metrics),
        health: Arc::clone(&probe.health),
    };
    let server = ProbeServer::bind(&command.listen.to_string()).await?;
    hint(&format!("listening on http://{}", server.local_addr()));
    until_stopped(server, probe, &FAREWELL, |stop| worker.run(lake, stop)).await?;
    Ok(ExitCode::SUCCESS)
}

fn options(command: &args::Worker) -> WorkerOptions {
    let defaults = WorkerOptions::default();
    WorkerOptions {
        threads: command.threads.unwrap_or(defaults.threads),
        max_line_bytes: command.max_line_bytes,
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
