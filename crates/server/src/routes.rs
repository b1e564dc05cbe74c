//! What is answered to which path.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use tokio::sync::watch;

use crate::exposition::Exposition;
use crate::requests::{self, Requests};
use crate::snapshot::Status;
use crate::{own, scrape};

/// The paths that have an answer.
pub(crate) const PATHS: [&str; 4] = ["/", "/metrics", "/healthz", "/readyz"];

const STARTING: &str = "the first metrics are being computed";

const PAGE: &str = "\
<!doctype html>
<html lang=\"en\">
<title>Stagelight</title>
<h1>Stagelight</h1>
<ul>
<li><a href=\"/metrics\">/metrics</a>: metrics of Spark applications, for Prometheus
<li><a href=\"/healthz\">/healthz</a>: whether the process answers
<li><a href=\"/readyz\">/readyz</a>: whether the lake can be read
</ul>
";

/// What the handlers share.
#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) status: watch::Receiver<Status>,
    pub(crate) requests: Arc<Requests>,
}

/// The router over every path.
pub(crate) fn router(status: watch::Receiver<Status>) -> Router {
    let app = App { status, requests: Arc::default() };
    Router::new()
        .route("/", get(async || Html(PAGE)))
        .route("/metrics", get(metrics))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .fallback(async || (StatusCode::NOT_FOUND, "not found\n"))
        .layer(from_fn_with_state(app.clone(), requests::count))
        .with_state(app)
}

async fn metrics(State(mut app): State<App>, headers: HeaderMap) -> Response {
    // Only a scrape right after the start waits here. One that was answered without Spark's series
    // would mark them all stale. An error means that the server stops.
    let status = match app.status.wait_for(Status::is_settled).await {
        Ok(status) => status.clone(),
        Err(_) => Status::default(),
    };
    let Some(snapshot) = status.snapshot else {
        return unavailable(status.problem);
    };
    let format = scrape::format(&headers);
    let mut out = Exposition::new(format);
    out.append(snapshot.families(format));
    own::write(&mut out, &snapshot);
    app.requests.write(&mut out);
    scrape::answer(&headers, format, out)
}

async fn readyz(State(app): State<App>) -> Response {
    let status = app.status.borrow().clone();
    match status {
        Status { snapshot: Some(_), problem: None } => "ready\n".into_response(),
        Status { problem, .. } => unavailable(problem),
    }
}

fn unavailable(reason: Option<String>) -> Response {
    let reason = reason.as_deref().unwrap_or(STARTING);
    (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response()
}
