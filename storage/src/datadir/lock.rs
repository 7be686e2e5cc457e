//! One owner per directory.
//!
//! Two locks: one on the directory itself, which nobody can take from under its owner by deleting a file, and one on the
//! file `LOCK`, which is the only one that earlier versions know.

use std::{
    fs::TryLockError,
    io::{ErrorKind, Write},
    os::unix::fs::MetadataExt,
    path::Path,
};

use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt;
use rustix::fs::OFlags;

use crate::error::{Result, StoreError};

pub(super) const FILE: &str = "LOCK";

/// Exclusive locks, held by the operating system until this is dropped or the process dies.
pub(super) struct DirLock {
    _held: Vec<Held>,
}

struct Held(fs::File);

impl Drop for Held {
    /// Closing is not enough: a child process that is just being started holds the file open until it runs its program.
    fn drop(&mut self) {
        // The lock ends with the process all the same.
        let _ = self.0.file().unlock();
    }
}

impl DirLock {
    /// Takes `dir` and writes this process's id into its `LOCK`.
    pub(super) fn acquire(dir: &Path) -> Result<Self> {
        let mut held = lock_directory(dir)?;
        let mut file = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(OFlags::NOFOLLOW.bits() as i32)
            .open(dir.join(FILE))
            .map_err(|error| super::bad(dir, of_link(dir).unwrap_or_else(|| error.to_string())))?;
        lock(dir, &file)?;
        file.set_len(0)?;
        writeln!(file, "{}", std::process::id())?;
        held.push(Held(file));
        Ok(Self { _held: held })
    }

    /// Takes `dir` to read it, which needs no permission to write.
    pub(super) fn acquire_to_read(dir: &Path) -> Result<Self> {
        let mut held = lock_directory(dir)?;
        match fs::File::open(dir.join(FILE)) {
            Ok(file) => {
                lock(dir, &file)?;
                held.push(Held(file));
            }
            // Never owned by an earlier version.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(super::bad(dir, format!("{error}"))),
        }
        Ok(Self { _held: held })
    }
}

/// Why the file cannot be opened, when it is a link.
fn of_link(dir: &Path) -> Option<String> {
    let is_link = fs::symlink_metadata(dir.join(FILE)).is_ok_and(|metadata| metadata.is_symlink());
    is_link.then(|| format!("'{FILE}' in it is a symbolic link, which no server has made: remove it"))
}

/// Locks the directory itself, unless its file system cannot.
fn lock_directory(dir: &Path) -> Result<Vec<Held>> {
    let directory = fs::File::open(dir).map_err(|error| super::bad(dir, format!("{error}")))?;
    match directory.file().try_lock() {
        Ok(()) => Ok(vec![Held(directory)]),
        Err(TryLockError::WouldBlock) => Err(locked(dir, &directory)),
        Err(TryLockError::Error(error)) => {
            tracing::debug!(%error, "the file system cannot lock a directory, only files in it");
            Ok(Vec::new())
        }
    }
}

fn lock(dir: &Path, file: &fs::File) -> Result<()> {
    match file.file().try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(locked(dir, file)),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

fn locked(dir: &Path, held: &fs::File) -> StoreError {
    let written = || {
        let text = fs::read_to_string(dir.join(FILE)).unwrap_or_default();
        text.trim().parse::<u32>().ok()
    };
    let pid = owner_of(held).or_else(written).map_or_else(|| "unknown".to_owned(), |pid| pid.to_string());
    StoreError::Locked { path: dir.to_path_buf(), pid }
}

/// Who holds the lock of a file, as far as the kernel tells: not for processes of other containers.
fn owner_of(file: &fs::File) -> Option<u32> {
    let metadata = file.metadata().ok()?;
    let (major, minor) = (rustix::fs::major(metadata.dev()), rustix::fs::minor(metadata.dev()));
    let place = format!("{major:02x}:{minor:02x}:{}", metadata.ino());
    let locks = fs::read_to_string("/proc/locks").ok()?;
    let of_file =
        locks.lines().find(|line| line.contains("FLOCK") && line.split(' ').any(|part| part == place))?;
    let fields: Vec<_> = of_file.split_whitespace().collect();
    let at = fields.iter().position(|field| *field == place)?;
    fields.get(at.checked_sub(1)?)?.parse().ok().filter(|pid| *pid > 0)
}
