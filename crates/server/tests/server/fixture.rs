//! A lake, a server over it, and a client that knows just enough of HTTP.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use stagelight_ingest::{Options, discover, ingest};
use stagelight_lake::Lake;
use stagelight_query::{Engine, QueryError};
use stagelight_server::{Server, ServerError, Settings};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// As long as a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

/// Set where a missing tool of Prometheus is a failure, not a reason to skip.
pub(crate) const REQUIRED: &str = "STAGELIGHT_REQUIRE_TOOLS";

/// A lake in a folder of its own.
pub(crate) struct TestLake {
    pub(crate) folder: TempDir,
}

impl TestLake {
    /// A lake with the logs of some folders of `testdata/logs`; "" is all of them.
    pub(crate) async fn with(logs: &[&str]) -> Self {
        let lake = Self::without();
        lake.add(logs).await;
        lake
    }

    /// The place of a lake that is not there yet.
    pub(crate) fn without() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder can be made") }
    }

    pub(crate) async fn add(&self, logs: &[&str]) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/logs");
        let paths: Vec<PathBuf> = logs.iter().map(|log| root.join(log)).collect();
        let lake = Arc::new(Lake::create(&self.uri()).await.expect("a lake can be made"));
        let report = ingest(&lake, discover(&paths), &Options::default(), Arc::default())
            .await
            .expect("the logs can be ingested");
        assert!(report.events > 0, "{logs:?} have events");
    }

    pub(crate) async fn engine(&self) -> Arc<Engine> {
        self.engine_with(&stagelight_query::Settings::default()).await
    }

    pub(crate) async fn engine_with(&self, settings: &stagelight_query::Settings) -> Arc<Engine> {
        let lake = Lake::open(&self.uri()).await.expect("the lake is there");
        Arc::new(Engine::new(Arc::new(lake), settings).await.expect("it can be asked"))
    }

    pub(crate) fn uri(&self) -> String {
        self.folder.path().join("lake").display().to_string()
    }
}

/// A server that runs.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    done: JoinHandle<Result<(), ServerError>>,
}

/// Settings for a test: any port, news at once, and no log too old.
pub(crate) fn settings() -> Settings {
    Settings {
        listen: "127.0.0.1:0".to_owned(),
        metrics_window: Duration::from_secs(3650 * 24 * 60 * 60),
        poll: Duration::from_millis(50),
        ..Default::default()
    }
}

impl Running {
    pub(crate) async fn start(engine: Arc<Engine>, settings: Settings) -> Self {
        let server = Server::bind(settings).await.expect("a port is free");
        let address = server.local_addr();
        let (stop, stopped) = oneshot::channel();
        let done = tokio::spawn(server.run(engine, async {
            let _ = stopped.await;
        }));
        Self { address, stop, done }
    }

    /// A server of a lake that need not be there.
    pub(crate) async fn start_without(lake: &TestLake, settings: Settings) -> Self {
        let server = Server::bind(settings).await.expect("a port is free");
        let address = server.local_addr();
        let (stop, stopped) = oneshot::channel();
        let uri = lake.uri();
        let open = move || open(uri.clone());
        let done = tokio::spawn(server.run_once_there(open, async {
            let _ = stopped.await;
        }));
        Self { address, stop, done }
    }

    /// Waits until the server ends by itself.
    pub(crate) async fn ended(self) -> Result<(), ServerError> {
        let ended = tokio::time::timeout(PATIENCE, self.done).await.expect("the server ends");
        ended.expect("it does not panic")
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.ask("GET", path).await
    }

    pub(crate) async fn ask(&self, method: &str, path: &str) -> Reply {
        ask(self.address, method, path).await.expect("the server listens")
    }

    /// Asks for `path` until the reply is as wanted.
    pub(crate) async fn eventually(&self, path: &str, wanted: impl Fn(&Reply) -> bool) -> Reply {
        let started = Instant::now();
        loop {
            let reply = self.get(path).await;
            if wanted(&reply) {
                return reply;
            }
            assert!(started.elapsed() < PATIENCE, "{path} still answers {reply:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Stops the server and waits for its end.
    pub(crate) async fn stop(self) {
        self.stop.send(()).expect("the server runs");
        let ended = tokio::time::timeout(PATIENCE, self.done).await.expect("the server ends");
        ended.expect("it does not panic").expect("it ends well");
    }
}

async fn open(uri: String) -> Result<Arc<Engine>, QueryError> {
    let lake = Arc::new(Lake::open(&uri).await?);
    Ok(Arc::new(Engine::new(lake, &stagelight_query::Settings::default()).await?))
}

/// What a server at `address` has at `path`; `None` where nobody listens.
pub(crate) async fn get(address: SocketAddr, path: &str) -> Option<Reply> {
    ask(address, "GET", path).await
}

async fn ask(address: SocketAddr, method: &str, path: &str) -> Option<Reply> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    let request = format!("{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("the request is sent");
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.expect("the reply is text");
    let (head, body) = reply.split_once("\r\n\r\n").expect("the reply has a head");
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    Some(Reply {
        status: status.expect("the reply has a status"),
        head: head.to_lowercase(),
        body: body.to_owned(),
    })
}

/// An HTTP reply.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Status line and headers, in lower case.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Reply {
    /// The values of a family, each with its labels as they stand between the braces.
    pub(crate) fn family(&self, name: &str) -> Vec<(&str, f64)> {
        self.body
            .lines()
            .filter_map(|line| {
                let rest = line.strip_prefix(name)?;
                let (labels, value) = match rest.strip_prefix('{') {
                    Some(rest) => rest.rsplit_once("} ")?,
                    None => ("", rest.strip_prefix(' ')?),
                };
                Some((labels, value.parse().expect("a value is a number")))
            })
            .collect()
    }
}
