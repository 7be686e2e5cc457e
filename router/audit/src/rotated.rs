//! Names of files: that of the log, and of those that it was rotated into, `NAME.` and the sequence of their first line.

use std::io;
use std::path::{Path, PathBuf};

use fs_err as fs;

/// Digits of a sequence in a name, so that names sort as their lines do.
const DIGITS: usize = 20;

/// The name that the file of a log gets whose first line has this sequence.
pub(crate) fn name_of(path: &Path, first: u64) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{first:0DIGITS$}"));
    name.into()
}

/// The sequence of the first line of a file that a log was rotated into, by its name; none for another file.
#[must_use]
pub fn first_line(path: &Path) -> Option<u64> {
    let digits = path.extension()?.to_str()?;
    let is_sequence = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_sequence.then(|| digits.parse().ok())?
}

/// The files that a log was rotated into, oldest first. Blocks.
///
/// # Errors
/// The folder cannot be read.
pub fn rotated(path: &Path) -> io::Result<Vec<PathBuf>> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut found = Vec::new();
    let Some(name) = path.file_name() else { return Ok(found) };
    for entry in fs::read_dir(folder.unwrap_or(Path::new(".")))? {
        let other = entry?.file_name();
        let behind = other.as_encoded_bytes().strip_prefix(name.as_encoded_bytes());
        if behind.is_some_and(|behind| behind.len() == DIGITS + 1) && first_line(Path::new(&other)).is_some()
        {
            found.push(path.with_file_name(other));
        }
    }
    found.sort();
    Ok(found)
}

/// All files of a log, oldest first. Blocks.
///
/// # Errors
/// The folder cannot be read.
pub fn all_of(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut all = rotated(path)?;
    if path.exists() || all.is_empty() {
        all.push(path.to_owned());
    }
    Ok(all)
}
