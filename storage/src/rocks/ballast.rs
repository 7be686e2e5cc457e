//! A file that holds room for hard times.
//!
//! Others may fill a file system to its last byte. The ballast is room that they cannot have: it is dropped when the
//! server must start, or a deletion must be written, and nothing else is left. It is made again once there is room.

use std::path::{Path, PathBuf};

use fs_err as fs;
use rustix::fs::FallocateFlags;

const FILE: &str = "ballast";

/// It is made when this many times its size are free.
const ROOMY: u64 = 8;
/// It takes at most one in this many free bytes.
const SHARE: u64 = 100;
/// A smaller one is of no use.
const SMALLEST: u64 = 4 << 20;

/// The ballast of a database directory.
pub(super) struct Ballast {
    file: PathBuf,
    most: u64,
}

impl Ballast {
    /// That of the database directory `db`, of at most `most` bytes; none is made when that is 0.
    pub(super) fn new(db: &Path, most: u64) -> Self {
        Self { file: db.join(FILE), most }
    }

    /// Gives its room back; whether there was any.
    pub(super) fn drop(&self) -> bool {
        let bytes = self.file.metadata().map_or(0, |found| found.len());
        let dropped = fs::remove_file(&self.file).is_ok() && bytes > 0;
        if dropped {
            tracing::warn!(
                bytes,
                "the disk is full: the ballast was dropped to go on; free space or enlarge the volume"
            );
        }
        dropped
    }

    /// Makes it, if it is missing and `free` bytes leave room for it. What cannot be made is tried again later.
    pub(super) fn renew(&self, free: u64) {
        let bytes = (free / SHARE).clamp(SMALLEST, SMALLEST.max(self.most));
        if self.most == 0 || free < bytes.saturating_mul(ROOMY) || self.file.exists() {
            return;
        }
        if let Err(error) = self.fill(bytes) {
            tracing::debug!(%error, "cannot make the ballast");
            // A part of it would be taken for all of it.
            let _ = fs::remove_file(&self.file);
        }
    }

    fn fill(&self, bytes: u64) -> std::io::Result<()> {
        let file = fs::File::create(&self.file)?;
        match rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, bytes) {
            Ok(()) => Ok(()),
            // File systems without it promise nothing for what was not written.
            Err(rustix::io::Errno::OPNOTSUPP) => write_zeros(file, bytes),
            Err(error) => Err(error.into()),
        }
    }
}

fn write_zeros(mut file: fs::File, bytes: u64) -> std::io::Result<()> {
    use std::io::{Read, Write};
    std::io::copy(&mut std::io::repeat(0).take(bytes), &mut file)?;
    file.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_a_share_of_what_is_free_and_gives_it_back_once() {
        let folder = tempfile::tempdir().unwrap();
        let ballast = Ballast::new(folder.path(), 8 << 20);
        ballast.renew(SMALLEST * ROOMY - 1);
        assert!(!ballast.file.exists());
        ballast.renew(600 << 20);
        assert_eq!(ballast.file.metadata().unwrap().len(), 6 << 20);
        assert!(ballast.drop());
        assert!(!ballast.drop());
        ballast.renew(u64::MAX);
        assert_eq!(ballast.file.metadata().unwrap().len(), 8 << 20);
        Ballast::new(folder.path(), 0).renew(u64::MAX);
    }
}
