//! `stagelight`: what happened in a Spark application, answered in a second.

mod args;
mod config;
mod daemon;
mod demo;
mod doctor;
mod format;
mod ingest;
mod live;
mod logging;
mod maintain;
mod places;
mod replay;
mod serve;
mod shell;
mod sql;
mod terminal;
mod watch;
mod worker;

use std::io;
use std::process::ExitCode;

use crate::args::Command;

fn main() -> ExitCode {
    let args = match config::load() {
        Ok(args) => args,
        Err(error) => error.exit(),
    };
    logging::start(&args);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&anyhow::Error::from(error).context("starting threads")),
    };
    let result = runtime.block_on(async {
        match args.command {
            Command::Demo(command) => demo::run(&args.global, &command).await,
            Command::Doctor(command) => doctor::run(&args.global, &command).await,
            Command::Ingest(command) => ingest::run(&args.global, &command).await,
            Command::Maintain(command) => maintain::run(&args.global, &command).await,
            Command::Replay(command) => replay::run(&args.global, &command).await,
            Command::Sql(command) => sql::run(&args.global, &command).await,
            Command::Serve(command) => serve::run(&args.global, &command).await,
            Command::Watch(command) => watch::run(&args.global, &command).await,
            Command::Worker(command) => worker::run(&args.global, &command).await,
        }
    });
    // What still runs in the background must not keep a finished command from ending.
    runtime.shutdown_background();
    match result {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &anyhow::Error) -> ExitCode {
    terminal::error(&explain(error));
    ExitCode::FAILURE
}

/// The error and what caused it; a cause that the text has already is not said twice.
pub(crate) fn explain(error: &anyhow::Error) -> String {
    error.chain().skip(1).map(ToString::to_string).fold(error.to_string(), |text, cause| {
        if text.contains(&cause) { text } else { format!("{text}: {cause}") }
    })
}

/// Whoever reads the output has had enough, as `head` has: that is no failure.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}
