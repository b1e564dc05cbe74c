//! What a user may set.

use std::path::PathBuf;
use std::time::Duration;

/// How the server listens and how fresh its metrics are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Host and port to listen on.
    pub listen: String,
    /// Series cover applications that had an event so recently.
    pub metrics_window: Duration,
    /// A folder with more metrics, if there is one.
    pub metrics_dir: Option<PathBuf>,
    /// Spark's families have so many series at most, all together.
    pub max_series: usize,
    /// How often the lake is asked for news.
    pub poll: Duration,
    /// A snapshot that is as old is replaced even without news, because the window has moved.
    pub snapshot_max_age: Duration,
    /// The lake as a whole is looked at so often, because `maintain` has moved rows without news: much
    /// sooner than it deletes where they were.
    pub whole_look: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:9464".to_owned(),
            metrics_window: Duration::from_secs(24 * 60 * 60),
            metrics_dir: None,
            max_series: 10_000,
            poll: Duration::from_secs(5),
            snapshot_max_age: Duration::from_secs(60),
            whole_look: Duration::from_secs(10 * 60),
        }
    }
}
