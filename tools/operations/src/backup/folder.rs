//! New files in a directory, on any file system.

use std::io;
use std::path::Path;

use fs_err as fs;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

/// Writes a file that must not be there. It is there as a whole, under its name, or not at all; durable on return.
///
/// No hard link is needed, which some file systems do not have. Where the kernel cannot rename without replacing either, the
/// name is taken by an empty file first; a crash in that moment leaves the empty file.
pub(super) fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    create_folders(folder)?;
    let mut staging = path.as_os_str().to_owned();
    // Digits alone: such names are not listed.
    staging.push(format!("#{}", rand::random::<u32>()));
    let staging = Path::new(&staging);
    let made = write(staging, bytes).and_then(|()| publish(staging, path));
    if made.is_err() {
        // The error that led here is reported; prune removes what stays.
        let _ = fs::remove_file(staging);
    }
    made?;
    sync(folder)
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = fs::File::create_new(path)?;
    io::Write::write_all(&mut file, bytes)?;
    file.sync_all()
}

fn publish(staging: &Path, path: &Path) -> io::Result<()> {
    match renameat_with(CWD, staging, CWD, path, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => take_name(staging, path),
        Err(error) => {
            Err(io::Error::new(io::Error::from(error).kind(), format!("{}: {error}", path.display())))
        }
    }
}

/// For file systems that cannot refuse to replace: whoever makes the empty file has the name.
fn take_name(staging: &Path, path: &Path) -> io::Result<()> {
    fs::File::create_new(path)?;
    fs::rename(staging, path)
}

/// Like [`fs::create_dir_all`], and durable.
fn create_folders(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        create_folders(parent)?;
        match fs::create_dir(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            Ok(()) | Err(_) => {}
        }
        return sync(parent);
    }
    Ok(())
}

fn sync(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_there_stays_as_it_is() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a/b/c");
        create(&path, b"first").unwrap();
        let error = create(&path, b"second").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists, "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"first");
        let staging = path.with_extension("new");
        fs::write(&staging, b"third").unwrap();
        assert_eq!(take_name(&staging, &path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        take_name(&staging, &path.with_extension("free")).unwrap();
        assert_eq!(fs::read(path.with_extension("free")).unwrap(), b"third");
        fs::remove_file(path.with_extension("free")).unwrap();
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing else is left");
    }
}
