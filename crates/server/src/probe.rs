//! What a process tells of itself that answers no questions about a lake.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::error::ServerError;
use crate::exposition::Exposition;
use crate::listener::Listener;
use crate::{own, scrape};

/// A process that can be asked how it is.
pub trait Probe: fmt::Debug + Send + Sync + 'static {
    /// Writes what it counts.
    fn metrics(&self, out: &mut Exposition);

    /// What keeps it from working, in words; `None` where nothing does.
    fn problem(&self) -> Option<String>;
}

/// A server of `/metrics`, `/healthz` and `/readyz` for a [`Probe`].
#[derive(Debug)]
pub struct ProbeServer {
    listener: Listener,
}

impl ProbeServer {
    /// Listens on `address`, host and port.
    ///
    /// # Errors
    ///
    /// [`ServerError::Listen`] where that cannot be listened on.
    pub async fn bind(address: &str) -> Result<Self, ServerError> {
        Ok(Self { listener: Listener::bind(address).await? })
    }

    /// Where the server listens: the real port where port 0 was asked for.
    pub fn local_addr(&self) -> SocketAddr {
        self.listener.address
    }

    /// Answers for `probe` until `shutdown` is done.
    ///
    /// # Errors
    ///
    /// [`ServerError::Serve`] where connections cannot be accepted any more.
    pub async fn run(
        self,
        probe: Arc<dyn Probe>,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ServerError> {
        let router = Router::new()
            .route("/metrics", get(metrics))
            .route("/healthz", get(async || "ok\n"))
            .route("/readyz", get(readyz))
            .fallback(async || (StatusCode::NOT_FOUND, "not found\n"))
            .with_state(probe);
        self.listener.answer(router, shutdown).await
    }
}

async fn metrics(State(probe): State<Arc<dyn Probe>>, headers: HeaderMap) -> Response {
    let format = scrape::format(&headers);
    let mut out = Exposition::new(format);
    own::write_build(&mut out);
    probe.metrics(&mut out);
    scrape::answer(&headers, format, out)
}

async fn readyz(State(probe): State<Arc<dyn Probe>>) -> Response {
    match probe.problem() {
        None => "ready\n".into_response(),
        Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}
