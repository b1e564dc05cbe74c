//! `stagelight serve`.

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::{Context, Result};
use stagelight_server::{Server, ServerError, Settings};
use tokio::signal::unix::{SignalKind, signal};

use crate::args::{Global, Serve};
use crate::sql;
use crate::terminal::hint;

/// Serves until it is told to stop.
pub(crate) async fn run(global: &Global, command: &Serve) -> Result<ExitCode> {
    let settings = Settings {
        listen: command.listen.to_string(),
        metrics_window: command.metrics_window,
        metrics_dir: command.metrics_dir.clone(),
        max_series: command.max_series,
        poll: command.refresh,
        ..Settings::default()
    };
    let engine = sql::engine(global, &command.engine).await?;
    let server = Server::bind(settings).await?;
    hint(&format!("listening on http://{}", server.local_addr()));
    server.run(engine, stopped()?).await?;
    Ok(ExitCode::SUCCESS)
}

/// Binds as `settings` say, or to another port of that host where theirs is taken.
pub(crate) async fn bind_nearby(settings: Settings, listen: SocketAddr) -> Result<Server> {
    let with = |address: SocketAddr| Settings { listen: address.to_string(), ..settings.clone() };
    match Server::bind(with(listen)).await {
        Err(ServerError::Listen { .. }) => {
            Ok(Server::bind(with(SocketAddr::new(listen.ip(), 0))).await?)
        }
        result => Ok(result?),
    }
}

/// Is done when the process gets SIGTERM or SIGINT.
pub(crate) fn stopped() -> Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
