//! Log messages, to stderr.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use crate::args::{Global, LogFormat};

/// Starts logging as the flags say.
pub(crate) fn start(global: &Global) {
    let filter = match &global.log {
        Some(filter) => EnvFilter::new(filter),
        // delta-rs warns of every commit that another writer made first, which is no news here.
        None => EnvFilter::try_from_default_env()
            .unwrap_or_else(|_| EnvFilter::new("warn,deltalake_core=error")),
    };
    let messages = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match global.log_format {
        LogFormat::Text => messages.with_ansi(io::stderr().is_terminal()).init(),
        LogFormat::Json => messages.json().init(),
    }
}
