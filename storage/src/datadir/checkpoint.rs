//! Checkpoints: complete copies of the store that share its table files by hard link.

use std::{
    path::{Component, Path, PathBuf},
    time::Duration,
};

use fs_err as fs;
use serde::{Deserialize, Serialize};

use super::{CHECKPOINTS_DIR, DB_DIR, DataDir, Identity, MANIFEST_FILE, Restored, bad};
use crate::{
    durable,
    error::{Result, StoreError},
    restore_points::Retention,
    rocks::is_damaged,
    sealed,
    store::Store,
};

/// Extension of folders that are no checkpoint yet, or no more.
const LEFTOVER: &str = "tmp";
/// Members of a manifest before it had a checksum.
const MEMBERS: [&str; 5] = ["name", "store_id", "created_ms", "sequence", "files"];

/// What a checkpoint's manifest says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointInfo {
    /// Folder name; names sort by age.
    pub name: String,
    /// The store it was taken of.
    pub store_id: String,
    /// Unix milliseconds.
    pub created_ms: u64,
    /// It holds every change of the store up to this number, and perhaps newer ones.
    pub sequence: u64,
    /// Every file below `db/`.
    files: Vec<FileEntry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct FileEntry {
    name: String,
    bytes: u64,
    /// CRC-32 of the file; table files have block checksums of their own and carry none.
    crc32: Option<u32>,
}

impl CheckpointInfo {
    /// Bytes of all files, shared ones included.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// [`create_checkpoint_keeping`] the newest `keep`, at least one.
pub fn create_checkpoint(dir: &DataDir, store: &dyn Store, keep: usize) -> Result<CheckpointInfo> {
    create_checkpoint_keeping(
        dir,
        store,
        Retention { newest: keep, by_age: false, younger_than: Duration::ZERO },
    )
}

/// Takes a checkpoint and deletes all that `retention` does not keep, or none while the database is known to be
/// damaged: an older one may be intact. One that cannot be deleted is told in the log and stays. Durable on return; blocks
/// while RocksDB writes its memtables out. A crash leaves the earlier checkpoints and a `.tmp` folder that the next one
/// removes.
pub fn create_checkpoint_keeping(
    dir: &DataDir,
    store: &dyn Store,
    retention: Retention,
) -> Result<CheckpointInfo> {
    let parent = dir.path().join(CHECKPOINTS_DIR);
    fs::create_dir_all(&parent)?;
    remove_leftovers(&parent);
    let newest = list_checkpoints(dir.path())?.last().map_or(0, |last| last.created_ms);
    let created_ms = crate::clock::unix_ms().max(newest + 1);
    let name = format!("{created_ms:015}");
    let tmp = parent.join(format!("{name}.{LEFTOVER}"));
    fs::create_dir_all(&tmp)?;
    let sequence = store.stats()?.sequence;
    store.checkpoint(&tmp.join(DB_DIR))?;
    dir.identity().store(&tmp)?;
    let files = describe_files(&tmp.join(DB_DIR))?;
    let info =
        CheckpointInfo { name, store_id: dir.identity().store_id.clone(), created_ms, sequence, files };
    let text = sealed::seal_json(&info).map_err(|error| bad(&tmp, error.to_string()))?;
    durable::write(&tmp.join(MANIFEST_FILE), &text)?;
    fs::rename(&tmp, parent.join(&info.name))?;
    durable::sync_dir(&parent)?;
    durable::sync_dir(dir.path())?;
    if is_damaged(&dir.path().join(DB_DIR)) {
        return Ok(info);
    }
    if let Err(error) = remove_older(dir.path(), retention) {
        tracing::warn!(%error, "older checkpoints stay: they cannot be listed");
    }
    Ok(info)
}

/// Removes the checkpoints of `dir` that `retention` does not keep. A crash leaves each of them whole or not listed any more.
fn remove_older(dir: &Path, retention: Retention) -> Result<()> {
    let parent = dir.join(CHECKPOINTS_DIR);
    let all = list_checkpoints(dir)?;
    let taken: Vec<u64> = all.iter().map(|info| info.created_ms).collect();
    for old in retention.surplus(&taken).into_iter().map(|place| &all[place]) {
        let gone = parent.join(format!("{}.{LEFTOVER}", old.name));
        let removed = fs::rename(parent.join(&old.name), &gone).and_then(|()| fs::remove_dir_all(&gone));
        if let Err(error) = removed {
            tracing::warn!(checkpoint = old.name, %error, "an old checkpoint cannot be removed: remove it by hand");
        }
    }
    Ok(durable::sync_dir(&parent)?)
}

/// The complete checkpoints of a data directory, oldest first. Unfinished or damaged ones are left out.
pub fn list_checkpoints(dir: &Path) -> Result<Vec<CheckpointInfo>> {
    let parent = dir.join(CHECKPOINTS_DIR);
    let mut found = Vec::new();
    if parent.exists() {
        for entry in fs::read_dir(&parent)? {
            let path = entry?.path();
            if path.extension().is_none() && path.join(MANIFEST_FILE).exists() {
                found.extend(manifest(&path).ok());
            }
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// Makes the new data directory `target` out of the checkpoint `source`. Table files are hard-linked on one
/// file system, else copied. [`DataDir::restored`] tells it from then on. Durable on return; `source` is unchanged.
pub fn restore_checkpoint(source: &Path, target: &Path) -> Result<CheckpointInfo> {
    let info = check_files(source)?;
    let identity = Identity::load(source)?.ok_or_else(|| bad(source, "it has no identity.json"))?;
    let db = target.join(DB_DIR);
    fs::create_dir_all(target)?;
    refuse_occupied(target)?;
    super::private::close(target)?;
    let _owner = super::lock::DirLock::acquire(target)?;
    // Again, as its owner: another process may have restored into it meanwhile.
    refuse_occupied(target)?;
    fs::create_dir_all(&db)?;
    for file in &info.files {
        let (from, to) = (source.join(DB_DIR).join(&file.name), db.join(&file.name));
        if !is_table(&from) || fs::hard_link(&from, &to).is_err() {
            fs::copy(&from, &to)?;
            fs::File::open(&to)?.sync_all()?;
        }
    }
    durable::sync_dir(&db)?;
    durable::sync_parent(target)?;
    Restored::now(format!("checkpoint {}", info.name), Some(info.created_ms)).store(target)?;
    identity.store(target)?;
    Ok(info)
}

/// Fails unless a store can be made in `target`: what every new file system holds is no hindrance.
pub(super) fn refuse_occupied(target: &Path) -> Result<()> {
    for entry in fs::read_dir(target)? {
        let name = entry?.file_name();
        if name != super::lock::FILE && name != super::foreign::LOST_AND_FOUND {
            let held = name.to_string_lossy();
            return Err(bad(target, format!("it is not empty (it holds '{held}'); give a new directory")));
        }
    }
    Ok(())
}

/// Compares the files of a checkpoint with its manifest.
pub(super) fn check_files(path: &Path) -> Result<CheckpointInfo> {
    let info = manifest(path)?;
    for file in &info.files {
        let full = path.join(DB_DIR).join(&file.name);
        let found = describe(&full, file.name.clone()).map_err(|error| StoreError::Corrupt {
            place: format!("checkpoint '{}'", path.display()),
            detail: error.to_string(),
        })?;
        if found != *file {
            return Err(StoreError::Corrupt {
                place: format!("checkpoint '{}'", path.display()),
                detail: format!(
                    "'{}' has {} bytes and CRC {:?}, the manifest says {} and {:?}; use another checkpoint",
                    file.name, found.bytes, found.crc32, file.bytes, file.crc32
                ),
            });
        }
    }
    Ok(info)
}

fn manifest(path: &Path) -> Result<CheckpointInfo> {
    let text = fs::read(path.join(MANIFEST_FILE))?;
    let corrupt = |reason: String| StoreError::Corrupt {
        place: format!("'{}'", path.join(MANIFEST_FILE).display()),
        detail: format!("{reason}; use another checkpoint"),
    };
    let info: CheckpointInfo =
        sealed::open_json(&text, &MEMBERS).map_err(|reason| corrupt(reason.to_string()))?;
    let stray = info.files.iter().map(|file| &file.name).chain([&info.name]).find(|name| !is_plain(name));
    if let Some(name) = stray {
        return Err(corrupt(format!("{name:?} is no name of a file in it")));
    }
    Ok(info)
}

/// Whether a name leads nowhere but to an entry of its folder.
fn is_plain(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    let only = (parts.next(), parts.next());
    matches!(only, (Some(Component::Normal(part)), None) if part == name) && !name.contains('\0')
}

/// Removes what unfinished checkpoints and unfinished removals have left. What cannot be removed is in nobody's way.
fn remove_leftovers(parent: &Path) {
    let leftovers = fs::read_dir(parent).into_iter().flatten().flatten().map(|entry| entry.path());
    for path in leftovers {
        let is_leftover = path.extension().is_some_and(|extension| extension == LEFTOVER) && path.is_dir();
        if is_leftover && let Err(error) = fs::remove_dir_all(&path) {
            tracing::warn!(%error, "what an unfinished checkpoint left cannot be removed: remove it by hand");
        }
    }
}

/// Describes every file and makes each durable: RocksDB does not sync those it copies.
fn describe_files(db: &Path) -> Result<Vec<FileEntry>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(db)? {
        let entry = entry?;
        fs::File::open(entry.path())?.sync_all()?;
        files.push(describe(&entry.path(), entry.file_name().to_string_lossy().into_owned())?);
    }
    durable::sync_dir(db)?;
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

/// Describes a regular file; what a link leads to is not of the checkpoint.
fn describe(path: &PathBuf, name: String) -> Result<FileEntry> {
    let metadata = fs::symlink_metadata(path)?;
    if !metadata.is_file() {
        return Err(bad(path, "it is no regular file"));
    }
    let bytes = metadata.len();
    let crc32 = if is_table(path) { None } else { Some(crc32fast::hash(&fs::read(path)?)) };
    Ok(FileEntry { name, bytes, crc32 })
}

fn is_table(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "sst")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in ["000012.sst", "CURRENT", "OPTIONS-000007", ".hidden", "a b"] {
            assert!(is_plain(name), "{name}");
        }
        for name in ["", ".", "..", "../x", "a/b", "/etc/hostname", "a/", "./a", "a/..", "a\0b"] {
            assert!(!is_plain(name), "{name:?}");
        }
    }
}
