//! A data directory belongs to the user of the process, and nobody else may write into it: whoever could would give its
//! server files of his own.

use std::{
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
};

use fs_err as fs;
use rustix::process::geteuid;

use super::bad;
use crate::error::Result;

const OTHERS_WRITE: u32 = 0o022;
const OWNER_ONLY: u32 = 0o700;

/// Fails unless the directory is the user's own and others may not write into it.
pub(super) fn check(path: &Path) -> Result<()> {
    let metadata = fs::metadata(path)?;
    let (owner, user) = (metadata.uid(), geteuid().as_raw());
    if owner != user {
        return Err(bad(
            path,
            format!(
                "it belongs to user {owner} and this process runs as user {user}: run it as the owner, or make the \
                 directory its own with 'chown -R {user} DIR', or give a new folder inside of it"
            ),
        ));
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & OTHERS_WRITE != 0 {
        return Err(bad(
            path,
            format!("other users of this machine may write into it (mode {mode:o}): 'chmod -R go-w DIR'"),
        ));
    }
    Ok(())
}

/// Keeps others out of a directory in which a store is about to be made; as [`check`] where that cannot be.
pub(super) fn close(path: &Path) -> Result<()> {
    let metadata = fs::metadata(path)?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & !OWNER_ONLY != 0 && metadata.uid() == geteuid().as_raw() {
        // What its owner may not do stays so: he may have shut it on purpose.
        let closed = fs::set_permissions(path, PermissionsExt::from_mode(mode & OWNER_ONLY));
        closed.map_err(|error| bad(path, error.to_string()))?;
    }
    check(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{chown, symlink};

    use super::*;
    use crate::{datadir::DataDir, durable, rocks::RocksOptions};

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn set(path: &Path, mode: u32) {
        fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }

    fn open(path: &Path) -> Result<()> {
        DataDir::open_store(path, &RocksOptions::default()).map(drop)
    }

    #[test]
    fn a_new_store_shuts_its_directory_and_an_open_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new");
        fs::create_dir(&path).unwrap();
        set(&path, 0o777);
        open(&path).unwrap();
        assert_eq!(mode(&path), 0o700);
        for open_mode in [0o777, 0o770, 0o702] {
            set(&path, open_mode);
            let error = open(&path).unwrap_err().to_string();
            assert!(error.contains("chmod -R go-w") && error.contains(path.to_str().unwrap()), "{error}");
        }
        set(&path, 0o755);
        open(&path).unwrap();
    }

    #[test]
    fn the_directory_of_another_user_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("theirs");
        fs::create_dir(&path).unwrap();
        // Needs root; elsewhere it is nobody's but ours.
        if chown(&path, Some(61_234), None).is_ok() {
            let error = open(&path).unwrap_err().to_string();
            assert!(error.contains("belongs to user 61234") && error.contains("chown"), "{error}");
            assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
        }
    }

    #[test]
    fn links_in_place_of_files_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, precious) = (folder.path().join("data"), folder.path().join("precious"));
        fs::write(&precious, "kept").unwrap();
        fs::create_dir(&path).unwrap();
        symlink(&precious, path.join("LOCK")).unwrap();
        let error = open(&path).unwrap_err().to_string();
        assert!(error.contains("LOCK") && error.contains("link"), "{error}");
        fs::remove_file(path.join("LOCK")).unwrap();
        for name in ["identity.json.tmp", "CREATING.tmp", "x.json.tmp"] {
            symlink(&precious, path.join(name)).unwrap();
        }
        open(&path).unwrap();
        durable::write(&path.join("x.json"), b"{}").unwrap();
        assert_eq!(fs::read_to_string(&precious).unwrap(), "kept");
        assert_eq!(mode(&path.join("x.json")), 0o600);
    }
}
