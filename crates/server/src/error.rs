//! What can go wrong with the server.

use std::io;

use stagelight_query::QueryError;
use thiserror::Error;

use crate::names::NameError;

/// An error of the server.
#[derive(Debug, Error)]
pub enum ServerError {
    /// The address cannot be listened on: the user must give another.
    #[error("cannot listen on {address}: {source}; `--listen` names another address")]
    Listen {
        /// The address as given.
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// A metric's file is wrong, or the lake cannot be opened.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// Prometheus would not take a metric.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Connections could not be accepted any more.
    #[error("serving: {0}")]
    Serve(#[source] io::Error),
    /// The task that computes snapshots has panicked: a defect.
    #[error("computing snapshots stopped unexpectedly")]
    Panicked,
}
