//! Responses on disk: large ones while they are made, and what slow clients have not taken. Files without a name below the
//! persist dir, gone with the process.

use std::{fs::File, io, os::unix::fs::FileExt, path::PathBuf, sync::Arc};

use parking_lot::Mutex;

/// Room on disk for responses.
pub(crate) struct Spool {
    /// None without a persist dir.
    dir: Option<PathBuf>,
    most: Most,
    /// Bytes of the file system that are left alone.
    min_free: u64,
    held: Mutex<Held>,
}

/// What may be on disk at a time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Most {
    pub(crate) bytes: u64,
    pub(crate) files: usize,
}

#[derive(Default)]
struct Held {
    bytes: u64,
    files: usize,
    /// Files since the start.
    spooled: u64,
}

/// Why something stays in memory.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoSpool {
    #[error("there is no persist dir")]
    NoDisk,
    #[error("responses fill their room on disk, {} bytes in {} files", .0.bytes, .0.files)]
    Full(Most),
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// A part of a response. Its room is given back when it is dropped.
pub(crate) struct Spooled {
    file: File,
    bytes: u64,
    spool: Arc<Spool>,
}

impl Spool {
    /// In `dir`, while its file system has more than `min_free` bytes free.
    pub(crate) fn new(dir: Option<PathBuf>, most: Most, min_free: u64) -> Arc<Self> {
        Arc::new(Self { dir, most, min_free, held: Mutex::default() })
    }

    /// Whether there is a disk, and room on it for anything.
    pub(crate) fn is_there(&self) -> bool {
        self.dir.is_some() && self.most.bytes > 0
    }

    /// Makes an empty file. Blocks.
    ///
    /// # Errors
    /// There is no room for one more, or no disk.
    pub(crate) fn file(self: &Arc<Self>) -> Result<Spooled, NoSpool> {
        let dir = self.dir.as_ref().ok_or(NoSpool::NoDisk)?;
        {
            let mut held = self.held.lock();
            if held.files >= self.most.files {
                return Err(NoSpool::Full(self.most));
            }
            held.files += 1;
        }
        match tempfile::tempfile_in(dir) {
            Ok(file) => {
                self.held.lock().spooled += 1;
                Ok(Spooled { file, bytes: 0, spool: Arc::clone(self) })
            }
            Err(error) => {
                self.held.lock().files -= 1;
                Err(error.into())
            }
        }
    }

    /// Writes `bytes` to a file. Blocks; nothing is synced.
    ///
    /// # Errors
    /// There is no room for them, or no disk.
    pub(crate) fn put(self: &Arc<Self>, bytes: &[u8]) -> Result<Spooled, NoSpool> {
        let mut file = self.file()?;
        file.append(bytes)?;
        Ok(file)
    }

    fn take(&self, bytes: u64) -> Result<(), NoSpool> {
        let mut held = self.held.lock();
        if held.bytes.saturating_add(bytes) > self.most.bytes {
            return Err(NoSpool::Full(self.most));
        }
        held.bytes += bytes;
        Ok(())
    }

    /// Bytes on disk.
    pub(crate) fn bytes(&self) -> u64 {
        self.held.lock().bytes
    }

    /// Files since the start.
    pub(crate) fn spooled(&self) -> u64 {
        self.held.lock().spooled
    }
}

impl Spooled {
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// An empty file beside it.
    ///
    /// # Errors
    /// As of [`Spool::file`].
    pub(crate) fn another(&self) -> Result<Self, NoSpool> {
        self.spool.file()
    }

    /// Adds `bytes` at its end. Blocks; nothing is synced.
    ///
    /// # Errors
    /// There is no room for them; it stays as it was.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), NoSpool> {
        let added = bytes.len() as u64;
        self.spool.take(added)?;
        if let Err(error) = self.write(bytes) {
            self.spool.held.lock().bytes -= added;
            return Err(error.into());
        }
        self.bytes += added;
        Ok(())
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let stat = rustix::fs::fstatvfs(&self.file)?;
        let free = stat.f_bavail.saturating_mul(stat.f_frsize);
        if free < self.spool.min_free.saturating_add(bytes.len() as u64) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        // What an earlier one left behind when it failed is written over.
        self.file.write_all_at(bytes, self.bytes)
    }

    /// Fills `buffer` with what stands at `offset`. Blocks.
    ///
    /// # Errors
    /// The file ends before, or cannot be read.
    pub(crate) fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }
}

impl Drop for Spooled {
    fn drop(&mut self) {
        let mut held = self.spool.held.lock();
        held.files -= 1;
        held.bytes -= self.bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_is_read_and_its_room_given_back() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::new(Some(dir.path().to_owned()), Most { bytes: 10, files: 2 }, 0);
        let mut first = spool.put(b"abc").unwrap();
        first.append(b"def").unwrap();
        assert_eq!((spool.bytes(), first.bytes()), (6, 6));
        assert!(matches!(spool.put(b"ghijk"), Err(NoSpool::Full(_))), "there is room for ten bytes");
        assert!(first.append(b"ghijk").is_err());
        assert_eq!((spool.bytes(), first.bytes()), (6, 6), "it stays as it was");
        let second = spool.put(b"g").unwrap();
        assert!(matches!(spool.file(), Err(NoSpool::Full(_))), "there is room for two files");
        drop(second);
        let mut read = [0; 3];
        first.read_exact_at(&mut read, 2).unwrap();
        assert_eq!(&read, b"cde");
        assert!(first.read_exact_at(&mut read, 4).is_err(), "the response ends there");
        assert_eq!(fs_err::read_dir(dir.path()).unwrap().count(), 0, "the file has no name");
        drop(first);
        spool.put(b"ghijk").unwrap();
        assert_eq!(spool.bytes(), 0);
    }

    #[test]
    fn without_a_disk_or_room_on_it_nothing_is_put() {
        let dir = tempfile::tempdir().unwrap();
        let here = Some(dir.path().to_owned());
        let most = Most { bytes: u64::MAX, files: 9 };
        for spool in [
            Spool::new(None, most, 0),
            Spool::new(here.clone(), most, u64::MAX),
            Spool::new(here, Most { bytes: 0, ..most }, 0),
            Spool::new(Some(dir.path().join("missing")), most, 0),
        ] {
            assert!(spool.put(b"a").is_err());
            assert_eq!((spool.bytes(), spool.held.lock().files), (0, 0));
        }
    }
}
