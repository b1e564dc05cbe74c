//! Binding, serving and stopping.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use stagelight_query::{Engine, Metric};
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use crate::error::ServerError;
use crate::settings::Settings;
use crate::snapshot::Status;
use crate::{names, routes, snapshot};

/// Answers that are under way when the server is told to stop may take so long.
const DRAIN: Duration = Duration::from_secs(5);

/// A server that listens but does not answer yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    metrics: Vec<Metric>,
    settings: Settings,
}

impl Server {
    /// Listens on the address of `settings`.
    ///
    /// # Errors
    ///
    /// [`ServerError::Listen`] where that cannot be listened on.
    pub async fn bind(settings: Settings) -> Result<Self, ServerError> {
        let metrics = Metric::embedded()?;
        names::validate(&metrics)?;
        let error = |source| ServerError::Listen { address: settings.listen.clone(), source };
        let listener = TcpListener::bind(&settings.listen).await.map_err(error)?;
        let address = listener.local_addr().map_err(error)?;
        Ok(Self { listener, address, metrics, settings })
    }

    /// Where the server listens: the real port where port 0 was asked for.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
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
        let (status, statuses) = watch::channel(Status::default());
        let mut background = JoinSet::new();
        background.spawn(snapshot::keep_fresh(engine, self.metrics, self.settings, status));

        let (stop, stopped) = oneshot::channel();
        let serving =
            axum::serve(self.listener, routes::router(statuses)).with_graceful_shutdown(async {
                shutdown.await;
                // Nobody listens only when the server has ended already.
                let _ = stop.send(());
            });
        let overdue = async {
            match stopped.await {
                Ok(()) => tokio::time::sleep(DRAIN).await,
                Err(_) => std::future::pending().await,
            }
        };
        tracing::info!(address = %self.address, "listening");
        tokio::select! {
            result = serving.into_future() => result.map_err(ServerError::Serve),
            () = overdue => {
                tracing::warn!("stopping with requests unanswered");
                Ok(())
            }
            Some(_) = background.join_next() => Err(ServerError::Panicked),
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
