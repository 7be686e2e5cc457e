//! One owner per directory.

use std::{fs::TryLockError, io::Write, path::Path};

use fs_err as fs;

use crate::error::{Result, StoreError};

pub(super) const FILE: &str = "LOCK";

/// An exclusive lock, held by the operating system until this is dropped or the process dies.
pub(super) struct DirLock {
    file: fs::File,
}

impl Drop for DirLock {
    /// Closing is not enough: a child process that is just being started holds the file open until it runs its program.
    fn drop(&mut self) {
        // The lock ends with the process all the same.
        let _ = self.file.file().unlock();
    }
}

impl DirLock {
    pub(super) fn acquire(dir: &Path) -> Result<Self> {
        let path = dir.join(FILE);
        let mut file = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| super::bad(dir, format!("{error}")))?;
        match file.file().try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let owner = fs::read_to_string(&path).unwrap_or_default();
                let pid = if owner.trim().is_empty() { "unknown" } else { owner.trim() };
                return Err(StoreError::Locked { path: dir.to_path_buf(), pid: pid.to_owned() });
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        file.set_len(0)?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Self { file })
    }
}
