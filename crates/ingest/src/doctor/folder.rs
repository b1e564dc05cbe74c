//! Whether the files of a lake that is a folder may be read, and others be put beside them.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use stagelight_tables::all;

use super::{Check, LakeRights, Verdict, counted};

/// A disk that is full takes less.
const A_BLOCK: [u8; 4096] = [0; 4096];

/// Looks at the lake in `folder`, and opens every file that is in it: for a thread that may wait for the disk.
pub fn check_folder(folder: &Path, rights: LakeRights) -> Vec<Check> {
    let folders = || {
        all().flat_map(|table| {
            let of_table = folder.join(table.name);
            [of_table.join("_delta_log"), of_table]
        })
    };
    let mut checks = vec![may_read(folders())];
    if rights.writes {
        checks.push(may_write(folders(), rights.deletes));
    }
    checks
}

fn may_read(folders: impl Iterator<Item = PathBuf>) -> Check {
    let mut files = 0;
    let mut refused = Vec::new();
    for folder in folders {
        match files_of(&folder) {
            Ok(paths) => {
                files += paths.len();
                refused.extend(
                    paths.into_iter().filter_map(|path| Some((File::open(&path).err()?, path))),
                );
            }
            Err(error) => refused.push((error, folder)),
        }
    }
    // Other questions tell what is not there, and `maintain` may just have deleted it.
    refused.retain(|(error, _)| error.kind() != ErrorKind::NotFound);
    match &refused[..] {
        [] => Check::good(format!("may read the lake: {} opened", counted(files, "file"))),
        [(error, path), ..] => Check::new(
            Verdict::Wrong,
            format!(
                "cannot read {} of the lake, such as {}: {error}",
                counted(refused.len(), "path"),
                path.display()
            ),
            remedy(error),
        ),
    }
}

fn files_of(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            files.push(entry.path());
        }
    }
    Ok(files)
}

/// Who may write into a folder may delete from it.
fn may_write(folders: impl Iterator<Item = PathBuf>, deletes: bool) -> Check {
    let and_delete = if deletes { ", and delete from it" } else { "" };
    let refused = folders.filter_map(|folder| {
        let error = try_to_write(&folder).err()?;
        (error.kind() != ErrorKind::NotFound).then_some((error, folder))
    });
    let refused: Vec<_> = refused.collect();
    match &refused[..] {
        [] => Check::good(format!("may write the lake{and_delete}")),
        [(error, path), ..] => Check::new(
            Verdict::Wrong,
            format!(
                "cannot write into {} of the lake, such as {}: {error}",
                counted(refused.len(), "folder"),
                path.display()
            ),
            remedy(error),
        ),
    }
}

/// A file that has no name goes away by itself.
fn try_to_write(folder: &Path) -> io::Result<()> {
    tempfile::tempfile_in(folder)?.write_all(&A_BLOCK)
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::PermissionDenied => {
            "let one user run all commands, and give the lake to him (`chown -R`)"
        }
        ErrorKind::ReadOnlyFilesystem => "mount it for writing, or let --lake name another place",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "make room; `stagelight maintain` deletes what no table has any more"
        }
        _ => "look at the file system that it is on",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_folder_is_left_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("sources/_delta_log");
        fs::create_dir_all(&log).expect("a folder");
        fs::write(log.join("0.json"), "{}").expect("a file");
        let before = fs::metadata(&log).and_then(|of| of.modified()).expect("a time");
        let rights = LakeRights { writes: true, deletes: true };
        let checks = check_folder(folder.path(), rights);
        let found: Vec<_> = checks.iter().map(|check| check.found.as_str()).collect();
        let sound = ["may read the lake: 1 file opened", "may write the lake, and delete from it"];
        assert_eq!(found, sound);
        assert_eq!(check_folder(folder.path(), LakeRights::default()).len(), 1);
        assert_eq!(files_of(&log).expect("files"), [log.join("0.json")]);
        assert_eq!(fs::metadata(&log).and_then(|of| of.modified()).expect("a time"), before);
    }

    /// A file in the place of a folder is refused even to the superuser.
    #[test]
    fn what_is_refused_is_told_with_what_to_do() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("sources"), "no folder").expect("a file");
        let checks = check_folder(folder.path(), LakeRights { writes: true, deletes: false });
        assert_eq!(checks.len(), 2);
        for (check, said) in checks.iter().zip([
            "cannot read 2 paths of the lake, such as ",
            "cannot write into 2 folders of the lake, such as ",
        ]) {
            assert_eq!(check.verdict, Verdict::Wrong);
            assert!(check.found.starts_with(said) && check.advice.is_some(), "{check:?}");
        }
    }
}
