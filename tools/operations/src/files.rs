//! A file that is there complete or not at all.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt;

/// Bytes written at once.
const BUFFER: usize = 1 << 20;

/// Writes `PATH.tmp`; [`NewFile::finish`] makes it `PATH`. Dropped before that, it leaves nothing.
pub struct NewFile {
    out: Option<BufWriter<fs::File>>,
    tmp: PathBuf,
    path: PathBuf,
}

impl NewFile {
    /// Starts the file. An old `PATH` stays until the new one is complete.
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

    /// Gives the file its name. Durable on return.
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

/// Makes the entry of `path` in its directory durable.
pub fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    fs::File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
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
