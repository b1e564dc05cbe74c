//! Binding, serving and stopping.

use std::future::ready;
use std::net::SocketAddr;
use std::sync::Arc;

use stagelight_query::{Engine, Metric, QueryError};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::error::ServerError;
use crate::listener::Listener;
use crate::settings::Settings;
use crate::snapshot::Status;
use crate::{names, routes, snapshot};

/// A server that listens but does not answer yet.
#[derive(Debug)]
pub struct Server {
    listener: Listener,
    metrics: Vec<Metric>,
    settings: Settings,
}

impl Server {
    /// Listens on the address of `settings`.
    ///
    /// # Errors
    ///
    /// [`ServerError::Listen`] where that cannot be listened on; [`ServerError::Query`] and
    /// [`ServerError::Name`] where a metric of the folder is wrong.
    pub async fn bind(settings: Settings) -> Result<Self, ServerError> {
        let mut metrics = Metric::embedded()?;
        if let Some(folder) = &settings.metrics_dir {
            metrics.extend(Metric::in_folder(folder)?);
        }
        names::validate(&metrics)?;
        let listener = Listener::bind(&settings.listen).await?;
        Ok(Self { listener, metrics, settings })
    }

    /// Where the server listens: the real port where port 0 was asked for.
    pub fn local_addr(&self) -> SocketAddr {
        self.listener.address
    }

    /// Answers with what `engine` knows until `shutdown` is done.
    ///
    /// # Errors
    ///
    /// [`ServerError::Serve`] where connections cannot be accepted any more.
    pub async fn run(
        self,
        engine: Arc<Engine>,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ServerError> {
        self.run_once_there(move || ready(Ok(Arc::clone(&engine))), shutdown).await
    }

    /// As [`Server::run`], with the engine that `open` gives; where there is no lake yet, or it does
    /// not answer, it is tried again, less and less often, and `/readyz` says what is waited for.
    ///
    /// # Errors
    ///
    /// As [`Server::run`], and [`ServerError::Query`] where a lake is there and cannot be opened.
    pub async fn run_once_there<F>(
        self,
        open: impl Fn() -> F + Send + 'static,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ServerError>
    where
        F: Future<Output = Result<Arc<Engine>, QueryError>> + Send + 'static,
    {
        let Self { listener, metrics, settings } = self;
        let (status, statuses) = watch::channel(Status::default());
        let mut background = JoinSet::new();
        background.spawn(async move {
            let engine = snapshot::wait_for_lake(open, &settings, &status).await?;
            snapshot::keep_fresh(engine, metrics, settings, status).await;
            Ok::<_, QueryError>(())
        });
        tokio::select! {
            result = listener.answer(routes::router(statuses), shutdown) => result,
            Some(ended) = background.join_next() => match ended {
                Ok(Err(error)) => Err(error.into()),
                _ => Err(ServerError::Panicked),
            }
        }
    }
}

/// Binds and runs a server.
///
/// # Errors
///
/// As [`Server::bind`] and [`Server::run`].
pub async fn serve(
    engine: Arc<Engine>,
    settings: Settings,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServerError> {
    Server::bind(settings).await?.run(engine, shutdown).await
}
