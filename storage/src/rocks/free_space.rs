//! Refuses commits before the file system is full, so that none fails half-way.

use std::path::{Path, PathBuf};

use crate::error::{Result, StoreError};

pub(super) struct FreeSpace {
    path: PathBuf,
    min_free: u64,
}

impl FreeSpace {
    pub(super) fn new(path: &Path, min_free: u64) -> Self {
        Self { path: path.to_path_buf(), min_free }
    }

    /// Bytes that are free for us, when the file system says so.
    pub(super) fn left(&self) -> Option<u64> {
        let stat = rustix::fs::statvfs(&self.path).ok()?;
        Some(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// Fails unless `bytes` can be written and the reserve is still there afterwards.
    pub(super) fn check(&self, bytes: u64) -> Result<()> {
        let Some(free) = self.left() else {
            return Ok(());
        };
        if free < self.min_free.saturating_add(bytes) {
            return Err(StoreError::DiskFull {
                path: self.path.clone(),
                detail: format!("{free} bytes free, {bytes} to write, {} kept in reserve", self.min_free),
            });
        }
        Ok(())
    }
}
