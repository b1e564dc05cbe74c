//! How many requests have been answered.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;

use crate::exposition::Exposition;
use crate::routes::{self, App};

/// Answers by path and status.
#[derive(Debug, Default)]
pub(crate) struct Requests(Mutex<BTreeMap<(&'static str, StatusCode), u64>>);

impl Requests {
    fn add(&self, path: &'static str, status: StatusCode) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((path, status)).or_default() += 1;
    }

    /// Writes the family of these counts.
    pub(crate) fn write(&self, out: &mut Exposition) {
        const FAMILY: &str = "stagelight_http_requests_total";
        out.family(FAMILY, "counter", "HTTP requests that have been answered.");
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for ((path, status), count) in counts.iter() {
            let labels = [("code", status.as_str()), ("path", path)];
            out.sample(FAMILY, labels, *count as f64);
        }
    }
}

/// Counts what passes.
pub(crate) async fn count(State(app): State<App>, request: Request, next: Next) -> Response {
    // A path that somebody made up must not become a series.
    let path = routes::PATHS.into_iter().find(|path| *path == request.uri().path());
    let response = next.run(request).await;
    app.requests.add(path.unwrap_or("other"), response.status());
    response
}
