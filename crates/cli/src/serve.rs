//! `stagelight serve`.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use stagelight_query::Engine;

use crate::args::{Global, Serve};

pub(crate) struct Serving;

impl Serving {
    pub(crate) fn address(&self) -> Result<SocketAddr> {
        anyhow::bail!("not yet")
    }
    pub(crate) async fn run(self) -> Result<()> {
        Ok(())
    }
}

pub(crate) async fn bind_or_other(
    _engine: &Arc<Engine>,
    _listen: SocketAddr,
    _window: Duration,
) -> Result<Serving> {
    Ok(Serving)
}

pub(crate) async fn run(_global: &Global, _command: &Serve) -> Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}
