//! `stagelight watch`.

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use stagelight_ingest::{Watch, WatchMetrics, WatchOptions, retry};
use stagelight_lake::Lake;
use stagelight_server::ProbeServer;

use crate::args::{self, Global};
use crate::daemon::{Farewell, OwnProbe, answer_during};
use crate::places::{keep_apart, local};
use crate::serve::stopped;
use crate::terminal::hint;

static FAREWELL: Farewell = Farewell {
    stopping: "stopping: what is read is committed",
    at_once: "stopped at once: what was not committed is read again",
};

/// Follows a folder until it is told to stop, and then until what is read is committed.
pub(crate) async fn run(global: &Global, command: &args::Watch) -> Result<ExitCode> {
    // Whoever tells it to stop while it starts is heard, too.
    let stop = stopped()?;
    let folder = local(&command.folder)?.with_context(|| {
        format!(
            "{} cannot be watched: that is for folders on this machine; `stagelight worker` reads \
             what a queue tells of a bucket",
            command.folder.display()
        )
    })?;
    keep_apart(&folder, &global.lake)?;
    let options = WatchOptions {
        threads: command.decoding.threads(),
        max_line_bytes: command.decoding.max_line_bytes,
        sweep_every: command.sweep_every,
        ..WatchOptions::default()
    };
    let probe = Arc::new(OwnProbe::<WatchMetrics>::default());
    let watch = Watch {
        folder,
        options,
        metrics: Arc::clone(&probe.metrics),
        health: Arc::clone(&probe.health),
    };
    watch.check()?;
    let server = ProbeServer::bind(&command.listen.to_string()).await?;
    let lake = Arc::new(retry::lake(|| Lake::create(&global.lake)).await?);
    if io::stderr().is_terminal() {
        hint(&format!(
            "watching {} into {}; listening on http://{}",
            watch.folder.display(),
            global.lake,
            server.local_addr()
        ));
    }
    let work = async { Ok(watch.run(lake, FAREWELL.said_after(stop)).await?) };
    answer_during(work, server, probe).await?;
    Ok(ExitCode::SUCCESS)
}
