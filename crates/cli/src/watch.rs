//! `stagelight watch`.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use stagelight_ingest::{Watch, WatchMetrics, WatchOptions, retry};
use stagelight_lake::Lake;
use stagelight_server::ProbeServer;
use url::Url;

use crate::args::{self, Global};
use crate::daemon::{Farewell, OwnProbe, answer_during};
use crate::serve::stopped;
use crate::terminal::hint;

static FAREWELL: Farewell = Farewell {
    stopping: "stopping: what is read is committed",
    at_once: "stopped at once: what was not committed is read again",
};

/// Follows a folder until it is told to stop, and then until what is read is committed.
pub(crate) async fn run(global: &Global, command: &args::Watch) -> Result<ExitCode> {
    // Whoever tells it to stop while it starts is heard, too.
    let stop = stopped()?;
    let folder = folder(&command.folder)?;
    keep_apart(&folder, &global.lake)?;
    let options = WatchOptions {
        threads: command.decoding.threads(),
        max_line_bytes: command.decoding.max_line_bytes,
        sweep_every: command.sweep_every,
        ..WatchOptions::default()
    };
    let probe = Arc::new(OwnProbe::<WatchMetrics>::default());
    let watch = Watch {
        folder,
        options,
        metrics: Arc::clone(&probe.metrics),
        health: Arc::clone(&probe.health),
    };
    watch.check()?;
    let server = ProbeServer::bind(&command.listen.to_string()).await?;
    let lake = Arc::new(retry::lake(|| Lake::create(&global.lake)).await?);
    if io::stderr().is_terminal() {
        hint(&format!(
            "watching {} into {}; listening on http://{}",
            watch.folder.display(),
            global.lake,
            server.local_addr()
        ));
    }
    let work = async { Ok(watch.run(lake, FAREWELL.said_after(stop)).await?) };
    answer_during(work, server, probe).await?;
    Ok(ExitCode::SUCCESS)
}

/// The folder that is meant, which may not be there.
fn folder(named: &Path) -> Result<PathBuf> {
    let text = named.to_string_lossy();
    match text.split_once("://") {
        None => Ok(named.to_owned()),
        Some(("file", _)) => Url::parse(&text)
            .ok()
            .and_then(|url| url.to_file_path().ok())
            .with_context(|| format!("{text} is no path of this machine")),
        Some(_) => bail!(
            "{text} cannot be watched: that is for folders on this machine; `stagelight worker` \
             reads what a queue tells of a bucket"
        ),
    }
}

/// A lake in the folder would be taken for logs, and logs in the lake for a part of it.
fn keep_apart(folder: &Path, lake: &str) -> Result<()> {
    let place = match lake.split_once("://") {
        None => PathBuf::from(lake),
        Some(("file", _)) => self::folder(Path::new(lake))?,
        Some(_) => return Ok(()),
    };
    let (logs, lake) = (real(folder), real(&place));
    if lake.starts_with(&logs) {
        bail!(
            "the lake {} is in the folder that is watched, {}: name another place with --lake",
            lake.display(),
            logs.display()
        );
    }
    if logs.starts_with(&lake) {
        bail!(
            "the folder that is watched, {}, is in the lake {}: name another place with --lake",
            logs.display(),
            lake.display()
        );
    }
    Ok(())
}

/// The path without links, as far as it is there already.
fn real(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for there in absolute.ancestors() {
        if let (Ok(real), Ok(rest)) = (there.canonicalize(), absolute.strip_prefix(there)) {
            // Joined with nothing it would get a slash.
            return if rest.as_os_str().is_empty() { real } else { real.join(rest) };
        }
    }
    absolute
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lake_and_logs_are_kept_apart() {
        let place = tempfile::tempdir().expect("a folder");
        let at = |name: &str| place.path().join(name);
        std::fs::create_dir(at("logs")).expect("a folder");
        std::os::unix::fs::symlink(at("logs"), at("link")).expect("a link");
        let apart = |logs: &str, lake: &str| {
            keep_apart(&at(logs), &at(lake).display().to_string()).map_err(|e| e.to_string())
        };
        assert_eq!(apart("logs", "lake"), Ok(()));
        assert_eq!(apart("logs", "logs-lake"), Ok(()));
        for (logs, lake) in [("logs", "logs/lake"), ("link", "logs/lake"), ("logs", "link/a/b")] {
            let said = apart(logs, lake).expect_err(lake);
            assert!(said.contains("is in the folder that is watched"), "{said}");
        }
        for (logs, lake) in [("lake/logs", "lake"), ("logs/x", "link")] {
            let said = apart(logs, lake).expect_err(lake);
            assert!(said.contains("name another place with --lake"), "{said}");
        }
        assert!(keep_apart(&at("logs"), "s3://bucket/lake").is_ok());
    }

    #[test]
    fn only_folders_of_this_machine_are_watched() {
        assert_eq!(folder(Path::new("/logs")).ok(), Some(PathBuf::from("/logs")));
        assert_eq!(folder(Path::new("file:///logs")).ok(), Some(PathBuf::from("/logs")));
        let error = folder(Path::new("s3://bucket/logs")).expect_err("no folder").to_string();
        assert!(error.contains("stagelight worker"), "{error}");
    }
}
