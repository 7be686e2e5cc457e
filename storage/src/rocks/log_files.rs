//! The write-ahead logs of a database directory.

use std::path::{Path, PathBuf};

use fs_err as fs;

use crate::error::Result;

/// The logs in the directory `db` by their numbers, oldest first; none when there is no such directory.
pub(super) fn log_files(db: &Path) -> Result<Vec<(u64, PathBuf)>> {
    let entries = match fs::read_dir(db) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if let Some(number) = number_of(&path) {
            files.push((number, path));
        }
    }
    files.sort();
    Ok(files)
}

fn number_of(path: &Path) -> Option<u64> {
    let is_log = path.extension().is_some_and(|extension| extension == "log");
    is_log.then(|| path.file_stem()?.to_str()?.parse().ok()).flatten()
}

/// The path of the log `number` in `db`.
pub(super) fn log_path(db: &Path, number: u64) -> PathBuf {
    db.join(format!("{number:06}.log"))
}
