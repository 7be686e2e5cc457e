//! Reading the file: what is read is what was checked, whatever becomes of its name meanwhile.

use std::{
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::Path,
};

use fs_err as fs;
use rustix::process::geteuid;
use zeroize::Zeroizing;

use crate::{KeysError, KeysFile};

/// Bytes of a file at most.
const MAX_FILE: u64 = 16 << 20;

/// Which state of a file this is: another one after each change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl Stamp {
    /// That of the file of this name now. Blocks.
    ///
    /// # Errors
    /// There is none, or it cannot be looked at.
    pub fn of(path: &Path) -> io::Result<Self> {
        fs::metadata(path).map(|metadata| Self::from(&metadata))
    }
}

impl From<&std::fs::Metadata> for Stamp {
    fn from(metadata: &std::fs::Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

/// Why a file cannot be used. No text has a secret in it.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is no regular file, or too large.
    #[error("'{0}' is no file of at most 16 MiB")]
    NoFile(String),
    /// Others than its owner may use it.
    #[error("'{path}' can be used by others (mode {mode:03o}); run: chmod 600 '{path}'")]
    Open {
        /// The file.
        path: String,
        /// Its permissions.
        mode: u32,
    },
    /// It belongs to somebody else, who could change it.
    #[error(
        "'{path}' belongs to user {owner}, and this process runs as user {user}; run: chown {user} '{path}'"
    )]
    Foreign {
        /// The file.
        path: String,
        /// Whose it is.
        owner: u32,
        /// Who reads it.
        user: u32,
    },
    /// What is in it is wrong.
    #[error("'{path}': {error}")]
    Content {
        /// The file.
        path: String,
        /// What is wrong.
        error: KeysError,
    },
}

/// Reads and checks a file: its text, which is wiped when dropped, what it says, and which state of it that is. Blocks.
///
/// # Errors
/// It is open to others, belongs to somebody who is neither root nor the user of the process, or has a mistake in it.
pub fn read(path: &Path) -> Result<(Zeroizing<String>, KeysFile, Stamp), ReadError> {
    let shown = || path.display().to_string();
    let mut file = fs::File::open(path)?;
    let metadata = file.metadata()?;
    let (mode, owner, user) = (metadata.mode() & 0o777, metadata.uid(), geteuid().as_raw());
    if !metadata.is_file() || metadata.len() > MAX_FILE {
        return Err(ReadError::NoFile(shown()));
    }
    if mode & 0o077 != 0 {
        return Err(ReadError::Open { path: shown(), mode });
    }
    if owner != user && owner != 0 {
        return Err(ReadError::Foreign { path: shown(), owner, user });
    }
    // Room for all of it, so that no shorter copy is left behind.
    let mut text = Zeroizing::new(String::with_capacity(metadata.len() as usize + 1));
    file.by_ref().take(MAX_FILE).read_to_string(&mut text)?;
    let parsed = KeysFile::parse(&text).map_err(|error| ReadError::Content { path: shown(), error })?;
    Ok((text, parsed, Stamp::from(&metadata)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_for_its_owner_alone_and_each_change_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.toml");
        fs::write(&path, "").unwrap();
        let shut = |mode| fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        shut(0o640);
        assert!(read(&path).unwrap_err().to_string().contains("chmod 600"));
        shut(0o600);
        let (_, file, stamp) = read(&path).unwrap();
        assert!(file.keys.is_empty() && stamp == Stamp::of(&path).unwrap());
        fs::write(&path, "[[key]]\n").unwrap();
        assert_ne!(stamp, Stamp::of(&path).unwrap());
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("keys.toml") && error.contains("line 1"), "{error}");
        assert!(read(dir.path()).is_err() && read(&dir.path().join("absent")).is_err());
    }
}
