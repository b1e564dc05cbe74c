//! Log messages, to stderr.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use crate::args::{Cli, Command, Global, LogFormat};

/// What delta-rs and its kernel fail in comes back to us, and is told there: that another writer was
/// faster is no news. AWS' SDK warns of every machine that is none of EC2. Who names them hears them.
const QUIET: &str = "deltalake_core=off,buoyant_kernel=off,aws_config=error";
const DEFAULT: &str = "warn";
/// What goes on for days tells what it does, too.
const TELLING: &str = "warn,stagelight_ingest=info,stagelight_lake=info";

/// Starts logging as the flags say.
pub(crate) fn start(args: &Cli) {
    let default = match args.command {
        Command::Watch(_) | Command::Worker(_) => TELLING,
        _ => DEFAULT,
    };
    let Global { log, log_format, .. } = &args.global;
    let asked = log.clone().or_else(|| std::env::var(EnvFilter::DEFAULT_ENV).ok());
    let filter = filter(asked.as_deref().filter(|asked| !asked.is_empty()).unwrap_or(default));
    let messages = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match log_format {
        LogFormat::Text => messages.with_ansi(io::stderr().is_terminal()).init(),
        LogFormat::Json => messages.json().init(),
    }
}

/// What is asked for, and of what is [`QUIET`], only what is named. Of two directives for one target, the
/// last one counts.
fn filter(asked: &str) -> EnvFilter {
    EnvFilter::new(format!("{QUIET},{asked}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the kernel's messages are told, and ours.
    fn told(asked: &str) -> (bool, bool) {
        let subscriber =
            tracing_subscriber::fmt().with_env_filter(filter(asked)).with_writer(io::sink);
        tracing::subscriber::with_default(subscriber.finish(), || {
            (
                tracing::enabled!(target: "buoyant_kernel::snapshot", tracing::Level::INFO),
                tracing::enabled!(target: "stagelight_server::listener", tracing::Level::INFO),
            )
        })
    }

    #[test]
    fn the_kernel_is_told_of_to_who_names_it() {
        assert_eq!(told("info"), (false, true));
        assert_eq!(told("debug"), (false, true));
        assert_eq!(told(DEFAULT), (false, false));
        assert_eq!(told("info,buoyant_kernel=info"), (true, true));
        assert_eq!(told("buoyant_kernel=debug"), (true, false));
    }
}
