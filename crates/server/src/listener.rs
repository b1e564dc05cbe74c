//! Listening, answering, and stopping in time.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::error::ServerError;

/// Answers that are under way when the server is told to stop may take so long.
const DRAIN: Duration = Duration::from_secs(5);

/// Where a server listens, and does not answer yet.
#[derive(Debug)]
pub(crate) struct Listener {
    listener: TcpListener,
    /// The real port where port 0 was asked for.
    pub(crate) address: SocketAddr,
}

impl Listener {
    /// Listens on `address`, host and port.
    pub(crate) async fn bind(address: &str) -> Result<Self, ServerError> {
        let error = |source| ServerError::Listen { address: address.to_owned(), source };
        let listener = TcpListener::bind(address).await.map_err(error)?;
        let address = listener.local_addr().map_err(error)?;
        Ok(Self { listener, address })
    }

    /// Answers as `router` does until `shutdown` is done.
    pub(crate) async fn answer(
        self,
        router: Router,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ServerError> {
        let (stop, stopped) = oneshot::channel();
        let serving = axum::serve(self.listener, router).with_graceful_shutdown(async {
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
        }
    }
}
