//! `stagelight sql`: one question or several, and the way into the shell.

use std::io::{self, IsTerminal, Read, Write};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use stagelight_lake::Lake;
use stagelight_query::{Engine, statements};

use crate::args::{self, Format, Global, Sql};
use crate::{format, shell};

/// Answers what was asked.
pub(crate) async fn run(global: &Global, command: &Sql) -> Result<ExitCode> {
    let text = match &command.query {
        Some(query) => Some(query.clone()),
        None if io::stdin().is_terminal() => None,
        None => {
            let mut text = String::new();
            io::stdin().read_to_string(&mut text).context("reading standard input")?;
            Some(text)
        }
    };
    if command.format == Format::Parquet && io::stdout().is_terminal() {
        bail!("a Parquet file is not for a terminal: redirect it, as in `> answer.parquet`");
    }
    let engine = engine(global, &command.engine).await?;
    match text {
        Some(text) => answer(&engine, &text, command.format).await?,
        None => shell::run(&engine, command.format).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The engine over the lake that the flags name.
pub(crate) async fn engine(global: &Global, flags: &args::Engine) -> Result<Arc<Engine>> {
    let settings = flags.settings();
    settings.check().await?;
    let lake = Arc::new(Lake::open(&global.lake).await?);
    Ok(Arc::new(Engine::new(lake, &settings).await?))
}

async fn answer(engine: &Engine, text: &str, format: Format) -> Result<()> {
    let statements = statements(text)?;
    if format == Format::Parquet && statements.len() > 1 {
        bail!("one Parquet file holds one answer, and there are {} questions", statements.len());
    }
    for statement in statements {
        let stream = engine.stream(&statement).await?;
        let mut out = io::BufWriter::new(io::stdout());
        format::write(stream, format, &mut out).await?;
        out.flush()?;
    }
    Ok(())
}
