//! Log messages, to stderr.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use crate::args::{Cli, Command, Global, LogFormat};

/// What delta-rs and its kernel fail in comes back to us, and is told there: that another writer was
/// faster is no news. AWS' SDK warns of every machine that is none of EC2.
const QUIET: &str = "warn,deltalake_core=off,buoyant_kernel=off,aws_config=error";
/// What goes on for days tells what it does, too.
const TELLING: &str = "stagelight_ingest=info,stagelight_lake=info";

/// Starts logging as the flags say.
pub(crate) fn start(args: &Cli) {
    let default = match args.command {
        Command::Watch(_) | Command::Worker(_) => format!("{QUIET},{TELLING}"),
        _ => QUIET.to_owned(),
    };
    let Global { log, log_format, .. } = &args.global;
    let filter = match log {
        Some(filter) => EnvFilter::new(filter),
        None => EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default)),
    };
    let messages = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match log_format {
        LogFormat::Text => messages.with_ansi(io::stderr().is_terminal()).init(),
        LogFormat::Json => messages.json().init(),
    }
}
