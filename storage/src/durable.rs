//! Files that are there complete or not at all: written beside their place, synced, renamed, and the directory synced.

use std::{
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use fs_err::{self as fs, os::unix::fs::OpenOptionsExt};

/// Bytes written at once.
const BUFFER: usize = 1 << 20;

/// Writes a file so that it has its old or its new content after a crash. It is the user's alone, and no link is followed.
/// Durable on return; blocks.
///
/// # Errors
/// It cannot be written; what was there is as it was.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = NewFile::create(path)?;
    file.write_all(bytes)?;
    file.finish()
}

/// Makes the entries of a directory durable.
///
/// # Errors
/// It cannot be opened or synced.
pub fn sync_dir(path: &Path) -> io::Result<()> {
    fs::File::open(path)?.sync_all()
}

/// Makes the entry of `path` in its directory durable.
///
/// # Errors
/// The directory cannot be opened or synced.
pub fn sync_parent(path: &Path) -> io::Result<()> {
    std::path::absolute(path)?.parent().map_or(Ok(()), sync_dir)
}

/// Writes `PATH.tmp`; [`NewFile::finish`] makes it `PATH`. Dropped before that, it leaves nothing.
pub struct NewFile {
    out: Option<BufWriter<fs::File>>,
    tmp: PathBuf,
    path: PathBuf,
}

impl NewFile {
    /// Starts the file, which is the user's alone. An old `PATH` stays until the new one is complete.
    ///
    /// # Errors
    /// It cannot be created.
    pub fn create(path: &Path) -> io::Result<Self> {
        let mut tmp = path.as_os_str().to_owned();
        tmp.push(".tmp");
        let tmp = PathBuf::from(tmp);
        // What an earlier attempt left, or a link that somebody laid there.
        match fs::remove_file(&tmp) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&tmp)?;
        let out = BufWriter::with_capacity(BUFFER, file);
        Ok(Self { out: Some(out), tmp, path: path.to_owned() })
    }

    /// Gives the file its name. Durable on return; blocks.
    ///
    /// # Errors
    /// It cannot be written or renamed; an old `PATH` is as it was, unless the directory alone could not be synced.
    pub fn finish(mut self) -> io::Result<()> {
        if let Some(out) = self.out.take() {
            let file = out.into_inner().map_err(|error| error.into_error())?;
            file.sync_all()?;
        }
        fs::rename(&self.tmp, &self.path)?;
        self.tmp = PathBuf::new();
        sync_parent(&self.path)
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.as_mut().map_or(Err(io::ErrorKind::BrokenPipe.into()), |out| out.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.as_mut().map_or(Ok(()), BufWriter::flush)
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.tmp.as_os_str().is_empty() {
            // The error that led here is reported; a leftover is overwritten by the next attempt.
            let _ = fs::remove_file(&self.tmp);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_link_is_followed_and_nobody_else_reads_it() {
        use std::os::unix::fs::{MetadataExt, symlink};

        let dir = tempfile::tempdir().unwrap();
        let (path, precious) = (dir.path().join("g.snap"), dir.path().join("precious"));
        fs::write(&precious, "kept").unwrap();
        symlink(&precious, dir.path().join("g.snap.tmp")).unwrap();
        let mut file = NewFile::create(&path).unwrap();
        file.write_all(b"new").unwrap();
        file.finish().unwrap();
        let read = |path| fs::read_to_string(path).unwrap();
        assert_eq!((read(&precious), read(&path)), ("kept".to_owned(), "new".to_owned()));
        assert_eq!(fs::symlink_metadata(&path).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn the_old_file_stays_until_the_new_one_is_complete() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("g.snap");
        fs::write(&path, "old").unwrap();
        let mut file = NewFile::create(&path).unwrap();
        file.write_all(b"half").unwrap();
        drop(file);
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        let mut file = NewFile::create(&path).unwrap();
        file.write_all(b"new").unwrap();
        file.finish().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
