//! A persist directory of a stopped server, or a checkpoint; to read, also what lies on an object store.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use epistemic_storage::datadir::{self, DB_DIR, DataDir};
use epistemic_storage::{GraphStore, StoreError};
use epistemic_storage::{RocksOptions, RocksStore};
use rustix::process::geteuid;

use super::{DirectoryRefused, StorePlace};

/// An open store. No server can use its directory until this is dropped; that of an object store goes on.
pub struct Directory {
    /// Its graphs.
    pub graphs: Arc<GraphStore>,
    owner: Option<DataDir>,
}

impl Directory {
    /// Opens a stopped directory or a checkpoint without changing its data.
    pub fn open_read_only(path: &Path) -> Result<Self> {
        Self::open_place(&StorePlace::Directory(path.to_owned()))
    }

    /// Opens a store without changing its data.
    pub fn open_place(place: &StorePlace) -> Result<Self> {
        let (owner, store) = place.open_store()?;
        let graphs = GraphStore::open_read_only(store)?;
        Ok(Self { graphs: Arc::new(graphs), owner })
    }

    /// Opens a stopped directory for writing. An empty directory becomes a new store.
    pub fn open_writable(path: &Path) -> Result<Self> {
        must_exist(path)?;
        must_be_owner(path)?;
        let (owner, store) = DataDir::open_store(path, &RocksOptions::default()).map_err(in_use)?;
        let graphs = GraphStore::open(store)?;
        Ok(Self { graphs: Arc::new(graphs), owner: Some(owner) })
    }
}

impl From<Directory> for (Arc<GraphStore>, Option<DataDir>) {
    fn from(directory: Directory) -> Self {
        (directory.graphs, directory.owner)
    }
}

/// Opens the store of a stopped directory or of a checkpoint without changing its data. Its catalog may be damaged. The
/// first part is the ownership.
pub(super) fn open_store_read_only(path: &Path) -> Result<(Option<DataDir>, RocksStore)> {
    must_exist(path)?;
    datadir::open_read_only(path).map_err(in_use)
}

/// Opens the store of a stopped directory to repair it. Its catalog may be damaged, and so may tables.
pub fn open_store_writable(path: &Path) -> Result<(DataDir, RocksStore)> {
    let owner = own(path)?;
    let options = RocksOptions { merge_tables: false, ..RocksOptions::default() };
    let store = RocksStore::open(&path.join(DB_DIR), &options)?;
    Ok((owner, store))
}

/// Takes ownership of a stopped directory without opening its store.
pub fn own(path: &Path) -> Result<DataDir> {
    must_exist(path)?;
    must_be_owner(path)?;
    DataDir::open(path).map_err(in_use)
}

/// The store's own words for a locked directory are meant for a server that starts.
pub fn in_use(error: StoreError) -> anyhow::Error {
    let StoreError::Locked { path, pid } = &error else {
        return error.into();
    };
    DirectoryRefused::InUse { path: path.clone(), pid: pid.clone() }.into()
}

/// What root makes in the directory of another user, the server of that user could not open.
pub fn must_be_owner(path: &Path) -> Result<()> {
    let owner = fs_err::metadata(path)?.uid();
    if owner == 0 || !geteuid().is_root() {
        return Ok(());
    }
    let user = name_of(owner).unwrap_or_else(|| format!("#{owner}"));
    Err(DirectoryRefused::OfAnotherUser { path: path.to_owned(), user }.into())
}

/// The name of a user, when the machine has one for it in its own list.
fn name_of(uid: u32) -> Option<String> {
    let users = fs_err::read_to_string("/etc/passwd").ok()?;
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

/// Whether there is a directory: a mistyped path must not become a new, empty store.
pub fn must_exist(path: &Path) -> Result<(), DirectoryRefused> {
    if path.is_dir() { Ok(()) } else { Err(DirectoryRefused::Missing { path: path.to_owned() }) }
}
