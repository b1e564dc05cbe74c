//! `stagelight serve`.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use stagelight_lake::Lake;
use stagelight_query::{Engine, QueryError};
use stagelight_server::{Server, ServerError, Settings};
use tokio::signal::unix::{SignalKind, signal};

use crate::args::{Global, Serve};
use crate::terminal::hint;

/// Serves until it is told to stop.
pub(crate) async fn run(global: &Global, command: &Serve) -> anyhow::Result<ExitCode> {
    let settings = Settings {
        listen: command.listen.to_string(),
        metrics_window: command.metrics_window,
        metrics_dir: command.metrics_dir.clone(),
        max_series: command.max_series,
        poll: command.refresh,
        ..Settings::default()
    };
    let questions = command.engine.settings();
    questions.check().await?;
    let server = Server::bind(settings).await?;
    // Whoever tells it to stop while it waits for a lake is heard, too.
    let stop = stopped()?;
    hint(&format!("listening on http://{}", server.local_addr()));
    let open = {
        let lake = global.lake.clone();
        move || open(lake.clone(), questions.clone())
    };
    server.run_once_there(open, stop).await?;
    Ok(ExitCode::SUCCESS)
}

async fn open(
    lake: String,
    settings: stagelight_query::Settings,
) -> Result<Arc<Engine>, QueryError> {
    let lake = Arc::new(Lake::open(&lake).await?);
    Ok(Arc::new(Engine::new(lake, &settings).await?))
}

/// Binds as `settings` say, or to another port of that host where theirs is taken.
pub(crate) async fn bind_nearby(settings: Settings, listen: SocketAddr) -> anyhow::Result<Server> {
    let with = |address: SocketAddr| Settings { listen: address.to_string(), ..settings.clone() };
    match Server::bind(with(listen)).await {
        Err(ServerError::Listen { .. }) => {
            Ok(Server::bind(with(SocketAddr::new(listen.ip(), 0))).await?)
        }
        result => Ok(result?),
    }
}

/// Is done when the process gets SIGTERM or SIGINT.
pub(crate) fn stopped() -> anyhow::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
