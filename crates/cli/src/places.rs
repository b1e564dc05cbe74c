//! Folders of this machine that a command names: of logs, and of the lake.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use url::Url;

/// The path that is meant by `named`, as it is or as `file://`, where that is one of this machine.
pub(crate) fn local(named: &Path) -> Result<Option<PathBuf>> {
    let text = named.to_string_lossy();
    match text.split_once("://") {
        None => Ok(Some(named.to_owned())),
        Some(("file", _)) => {
            let path = Url::parse(&text).ok().and_then(|url| url.to_file_path().ok());
            Ok(Some(path.with_context(|| format!("{text} is no path of this machine"))?))
        }
        Some(_) => Ok(None),
    }
}

/// A lake in the folder of logs would be taken for logs, and logs in the lake for a part of it.
pub(crate) fn keep_apart(logs: &Path, lake: &str) -> Result<()> {
    if let Some(place) = local(Path::new(lake))? {
        let (logs, lake) = (real(logs), real(&place));
        if lake.starts_with(&logs) {
            bail!(
                "the lake {} is in the folder that is watched, {}: name another place with --lake",
                lake.display(),
                logs.display()
            );
        }
    }
    keep_out(logs, lake)
}

/// Refuses a folder of logs in the lake, or the lake itself.
pub(crate) fn keep_out(logs: &Path, lake: &str) -> Result<()> {
    let Some(place) = local(Path::new(lake))? else { return Ok(()) };
    let (logs, lake) = (real(logs), real(&place));
    if logs.starts_with(&lake) {
        bail!(
            "{} is in the lake {}, where no logs are: name another folder, or another place with \
             --lake",
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
            assert!(said.contains("where no logs are: name another folder"), "{said}");
        }
        assert!(keep_apart(&at("logs"), "s3://bucket/lake").is_ok());
    }

    #[test]
    fn folders_are_paths_or_urls() {
        let local = |named: &str| local(Path::new(named)).map_err(|error| error.to_string());
        assert_eq!(local("/logs"), Ok(Some(PathBuf::from("/logs"))));
        assert_eq!(local("file:///logs"), Ok(Some(PathBuf::from("/logs"))));
        assert_eq!(local("s3://bucket/logs"), Ok(None));
        assert_eq!(
            local("file://host/logs"),
            Err("file://host/logs is no path of this machine".into())
        );
    }
}
