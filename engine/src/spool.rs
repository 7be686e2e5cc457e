//! Answers of slow clients, on disk until they are taken: files without a name below the persist dir.

use std::{
    fs::File,
    io::{self, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::Mutex;

/// Room on disk for answers.
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
    /// Answers that went to disk since the start.
    spooled: u64,
}

/// The rest of an answer.
pub(crate) struct Spooled {
    file: File,
    place: Place,
}

/// Room for one; given back when dropped.
struct Place {
    bytes: u64,
    spool: Arc<Spool>,
}

impl Spool {
    /// In `dir`, while its file system has more than `min_free` bytes free.
    pub(crate) fn new(dir: Option<PathBuf>, most: Most, min_free: u64) -> Arc<Self> {
        Arc::new(Self { dir, most, min_free, held: Mutex::default() })
    }

    /// Writes `bytes` to a file. None when there is no room for them, or no disk. Blocks; nothing is synced.
    pub(crate) fn put(self: &Arc<Self>, bytes: &[u8]) -> Option<Spooled> {
        let dir = self.dir.as_ref()?;
        let place = self.place(bytes.len() as u64)?;
        match self.write(dir, bytes) {
            Ok(file) => {
                self.held.lock().spooled += 1;
                Some(Spooled { file, place })
            }
            Err(error) => {
                tracing::debug!(%error, "an answer of a slow client stays in memory");
                None
            }
        }
    }

    fn place(self: &Arc<Self>, bytes: u64) -> Option<Place> {
        let mut held = self.held.lock();
        if held.files >= self.most.files || held.bytes.saturating_add(bytes) > self.most.bytes {
            return None;
        }
        held.files += 1;
        held.bytes += bytes;
        Some(Place { bytes, spool: Arc::clone(self) })
    }

    fn write(&self, dir: &Path, bytes: &[u8]) -> io::Result<File> {
        let stat = rustix::fs::statvfs(dir)?;
        let free = stat.f_bavail.saturating_mul(stat.f_frsize);
        if free < self.min_free.saturating_add(bytes.len() as u64) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let mut file = tempfile::tempfile_in(dir)?;
        file.write_all(bytes)?;
        Ok(file)
    }

    /// Bytes on disk.
    pub(crate) fn bytes(&self) -> u64 {
        self.held.lock().bytes
    }

    /// Answers that went to disk since the start.
    pub(crate) fn spooled(&self) -> u64 {
        self.held.lock().spooled
    }
}

impl Spooled {
    pub(crate) fn bytes(&self) -> u64 {
        self.place.bytes
    }

    /// Fills `buffer` with what stands at `offset`, which must be there. Blocks.
    pub(crate) fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }
}

impl Drop for Place {
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
        let first = spool.put(b"abcdef").unwrap();
        assert_eq!((spool.bytes(), first.bytes()), (6, 6));
        assert!(spool.put(b"ghijk").is_none(), "there is room for ten bytes");
        let second = spool.put(b"g").unwrap();
        assert!(spool.put(b"h").is_none(), "there is room for two files");
        drop(second);
        let mut read = [0; 3];
        first.read_exact_at(&mut read, 2).unwrap();
        assert_eq!(&read, b"cde");
        assert!(first.read_exact_at(&mut read, 4).is_err(), "the answer ends there");
        assert_eq!(fs_err::read_dir(dir.path()).unwrap().count(), 0, "the file has no name");
        drop(first);
        assert!(spool.put(b"ghijk").is_some());
        assert_eq!((spool.bytes(), spool.spooled()), (0, 3));
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
            assert!(spool.put(b"a").is_none());
            assert_eq!((spool.bytes(), spool.spooled()), (0, 0));
        }
    }
}
