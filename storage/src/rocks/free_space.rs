//! Refuses commits before the file system is full, so that none fails half-way.

use std::path::{Path, PathBuf};

use super::ballast::Ballast;
use crate::error::{Result, StoreError};

/// A commit that frees room may use the reserve but for so much: RocksDB notes in its manifest what it removes.
const LAST_BYTES: u64 = 1 << 20;

/// Inodes kept in reserve: a change of the log and the merges of all families make a few dozen files.
const MIN_FREE_INODES: u64 = 128;
/// On a file system with few of them, so many are kept out of this number.
const INODES_SHARE: u64 = 16;

/// What a write may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reserve {
    /// It leaves the reserve alone.
    Kept,
    /// It frees more than it takes: it may use the reserve, and the ballast where that is not enough.
    Used,
}

/// What the file system has left for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Left {
    bytes: u64,
    /// Free ones and all; none where the file system makes them as needed.
    inodes: Option<(u64, u64)>,
}

pub(super) struct FreeSpace {
    path: PathBuf,
    min_free: u64,
    ballast: Ballast,
}

impl FreeSpace {
    pub(super) fn new(path: &Path, min_free: u64, ballast: Ballast) -> Self {
        Self { path: path.to_path_buf(), min_free, ballast }
    }

    fn look(&self) -> Option<Left> {
        let stat = rustix::fs::statvfs(&self.path).ok()?;
        let bytes = stat.f_bavail.saturating_mul(stat.f_frsize);
        Some(Left { bytes, inodes: (stat.f_files > 0).then_some((stat.f_favail, stat.f_files)) })
    }

    /// Bytes that are free for us, when the file system says so.
    pub(super) fn left(&self) -> Option<u64> {
        Some(self.look()?.bytes)
    }

    /// Bytes of the file system, when it says so.
    pub(super) fn all(&self) -> Option<u64> {
        let stat = rustix::fs::statvfs(&self.path).ok()?;
        Some(stat.f_blocks.saturating_mul(stat.f_frsize))
    }

    /// Bytes that are kept free.
    pub(super) fn kept(&self) -> u64 {
        self.min_free
    }

    /// Inodes that are free for us, where the file system has a number of them.
    pub(super) fn inodes_left(&self) -> Option<u64> {
        Some(self.look()?.inodes?.0)
    }

    /// Fails unless `bytes` can be written and what `reserve` says is still there afterwards.
    ///
    /// # Errors
    /// [`StoreError::DiskFull`]: bytes or inodes are missing.
    pub(super) fn check(&self, bytes: u64, reserve: Reserve) -> Result<()> {
        let Some(left) = self.look() else {
            return Ok(());
        };
        let kept = match reserve {
            Reserve::Kept => self.min_free,
            Reserve::Used => self.min_free.min(LAST_BYTES),
        };
        if left.bytes < kept.saturating_add(bytes) {
            if reserve == Reserve::Used && self.ballast.drop() {
                return self.check(bytes, reserve);
            }
            return Err(
                self.full(format!("{} bytes free, {bytes} to write, {kept} kept in reserve", left.bytes))
            );
        }
        if let Some((free, all)) = left.inodes
            && reserve == Reserve::Kept
            && free < MIN_FREE_INODES.min(all / INODES_SHARE)
        {
            let kept = MIN_FREE_INODES.min(all / INODES_SHARE);
            return Err(self.full(format!("{free} of {all} inodes free, {kept} kept in reserve")));
        }
        Ok(())
    }

    fn full(&self, detail: String) -> StoreError {
        StoreError::DiskFull { path: self.path.clone(), detail }
    }

    /// Makes the ballast again once there is room for it.
    pub(super) fn renew_ballast(&self) {
        if let Some(left) = self.left() {
            self.ballast.renew(left.saturating_sub(self.min_free));
        }
    }
}
