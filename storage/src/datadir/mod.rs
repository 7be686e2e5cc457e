//! A shard's directory: what it is, who owns it, and its checkpoints.
//!
//! ```text
//! persist-dir/
//!   identity.json   format version and identity of the store, written once, when the store is complete
//!   quotas.json     what tenants may have and use, as it was set on the running shard
//!   restored.json   the directory was made from a copy, and its names were not compared with other shards since
//!   CREATING        only while the directory is created for the first time
//!   LOCK            process id of the owner, held as an exclusive lock, as is the directory itself
//!   db/             the RocksDB database
//!   scrub.json      how far reading all of it is, and what that found
//!   checkpoints/    one folder per checkpoint: identity.json, db/, manifest.json (written last)
//! ```

mod checkpoint;
mod foreign;
mod identity;
mod lock;
mod private;
mod restored;
mod salvage;

use std::path::{Path, PathBuf};

use fs_err as fs;

pub use crate::restored::Restored;
pub use checkpoint::{
    CheckpointInfo, create_checkpoint, create_checkpoint_keeping, list_checkpoints, restore_checkpoint,
};
pub use identity::{FORMAT_VERSION, Identity};
pub use salvage::salvage;

use crate::{
    durable,
    error::{Result, StoreError},
    rocks::{RocksOptions, RocksStore},
    sealed,
};

/// Name of the database folder.
pub const DB_DIR: &str = "db";
/// Name of the folder of checkpoints.
pub const CHECKPOINTS_DIR: &str = "checkpoints";
/// Name of the file that marks a creation that is not complete yet.
pub const CREATING_FILE: &str = "CREATING";
/// Name of the file that makes a folder a checkpoint.
pub const MANIFEST_FILE: &str = "manifest.json";

/// What a directory is opened for.
#[derive(Clone, Copy)]
enum Use {
    Read,
    Write,
}

/// An owned data directory. Ownership ends when it is dropped.
pub struct DataDir {
    path: PathBuf,
    identity: Identity,
    _lock: lock::DirLock,
}

impl DataDir {
    /// Takes ownership of the existing data directory `path`.
    ///
    /// # Errors
    /// [`StoreError::Locked`] with the owner's pid; [`StoreError::BadDirectory`] when it is none, or of another
    /// format, or a checkpoint, or when the reference server has written graphs into it; [`StoreError::Corrupt`] when its database is missing. It is unchanged then.
    pub fn open(path: &Path) -> Result<Self> {
        Self::own(path, Use::Write)
    }

    fn own(path: &Path, usage: Use) -> Result<Self> {
        if Identity::load(path)?.is_none() {
            return Err(bad(path, "it has no identity.json: not a data directory of this server"));
        }
        if let Use::Write = usage {
            private::check(path)?;
            foreign::refuse_reference(path)?;
        }
        refuse_checkpoint(path)?;
        let lock = match usage {
            Use::Write => lock::DirLock::acquire(path)?,
            Use::Read => lock::DirLock::acquire_to_read(path)?,
        };
        let identity = Identity::load(path)?.ok_or_else(|| bad(path, "its identity.json is gone"))?;
        if !path.join(DB_DIR).join("CURRENT").exists() {
            return Err(StoreError::Corrupt {
                place: format!("'{}'", path.display()),
                detail: format!(
                    "identity.json is there but '{DB_DIR}/CURRENT' is not: the database is missing. Nothing was \
                     created in its place; restore the newest checkpoint with 'egctl checkpoint restore'"
                ),
            });
        }
        Ok(Self { path: path.to_path_buf(), identity, _lock: lock })
    }

    /// Takes ownership of `path` and opens its store; creates both when the directory is missing or empty.
    ///
    /// A creation that was cut short, which [`CREATING_FILE`] tells, is done again: nothing was acknowledged before it
    /// was complete.
    ///
    /// # Errors
    /// As [`DataDir::open`], and [`StoreError::BadDirectory`] when the directory holds something else; as
    /// [`RocksStore::open`].
    pub fn open_store(path: &Path, options: &RocksOptions) -> Result<(Self, RocksStore)> {
        let (dir, store) = if Identity::load(path)?.is_some() {
            let dir = Self::own(path, Use::Write)?;
            let store = RocksStore::open(&path.join(DB_DIR), options)?;
            (dir, store)
        } else {
            Self::create(path, options)?
        };
        let creating = path.join(CREATING_FILE);
        if creating.exists() {
            fs::remove_file(creating)?;
        }
        Ok((dir, store))
    }

    /// Creates directory, store and identity in this order, each durable before the next, so that an identity is the
    /// proof of a complete store.
    fn create(path: &Path, options: &RocksOptions) -> Result<(Self, RocksStore)> {
        fs::create_dir_all(path).map_err(|error| bad(path, format!("{error}")))?;
        foreign::refuse_any(path)?;
        private::close(path)?;
        let lock = lock::DirLock::acquire(path)?;
        // Again, as its owner: another process may have created it meanwhile.
        if Identity::load(path)?.is_some() {
            drop(lock);
            return Self::open_store(path, options);
        }
        durable::write(&path.join(CREATING_FILE), sealed::seal("a store is being created here").as_bytes())?;
        let db = path.join(DB_DIR);
        if db.exists() {
            fs::remove_dir_all(&db)?;
        }
        let store = RocksStore::open(&db, options)?;
        durable::sync_dir(path)?;
        durable::sync_parent(path)?;
        let identity = Identity::create(path)?;
        Ok((Self { path: path.to_path_buf(), identity, _lock: lock }, store))
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The identity of the store.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }
}

/// Opens a stopped data directory or a checkpoint without changing a byte of its data; it may lie on a file system that is
/// mounted read-only.
///
/// # Errors
/// [`StoreError::Locked`] while a server owns the directory (ask that server instead); a checkpoint whose files do
/// not match its manifest is [`StoreError::Corrupt`].
pub fn open_read_only(path: &Path) -> Result<(Option<DataDir>, RocksStore)> {
    if Identity::load(path)?.is_none() {
        return Err(bad(path, "it has no identity.json: not a data directory or checkpoint of this server"));
    }
    let owner = if path.join(MANIFEST_FILE).exists() {
        checkpoint::check_files(path)?;
        None
    } else {
        Some(DataDir::own(path, Use::Read)?)
    };
    let options = RocksOptions { read_only: true, ..RocksOptions::default() };
    Ok((owner, RocksStore::open(&path.join(DB_DIR), &options)?))
}

fn refuse_checkpoint(path: &Path) -> Result<()> {
    if path.join(MANIFEST_FILE).exists() {
        return Err(bad(
            path,
            "it is a checkpoint, which stays as it is; make a data directory from it with \
             'egctl checkpoint restore CHECKPOINT NEW_DIR'",
        ));
    }
    Ok(())
}

fn bad(path: &Path, detail: impl Into<String>) -> StoreError {
    StoreError::BadDirectory { path: path.to_path_buf(), detail: detail.into() }
}

/// Writes an object as JSON with its checksum, durably.
///
/// # Errors
/// It cannot be written; what was there is as it was.
pub fn write_sealed(path: &Path, value: &impl serde::Serialize) -> Result<()> {
    let text = sealed::seal_json(value).map_err(std::io::Error::from)?;
    Ok(durable::write(path, &text)?)
}

/// Reads what [`write_sealed`] wrote; nothing without the file.
///
/// # Errors
/// It cannot be read, or is damaged.
pub fn read_sealed<T: serde::de::DeserializeOwned>(path: &Path) -> std::result::Result<Option<T>, String> {
    match fs::read(path) {
        Ok(text) => sealed::open_json(&text, &[]).map(Some),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}
