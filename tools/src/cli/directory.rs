//! A persist directory of a stopped server, or a checkpoint.

use std::path::Path;

use anyhow::Result;
use epistemic_storage::GraphStore;
use epistemic_storage::datadir::{self, DataDir};
use epistemic_storage::rocks::RocksOptions;

use super::exit::{Exit, Failure};

/// An open directory. No server can use it until this is dropped.
pub(super) struct Directory {
    /// Its graphs.
    pub(super) graphs: GraphStore,
    _owner: Option<DataDir>,
}

impl Directory {
    /// Opens a stopped directory or a checkpoint without changing its data.
    pub(super) fn open_read_only(path: &Path) -> Result<Self> {
        must_exist(path)?;
        let (owner, store) = datadir::open_read_only(path)?;
        let graphs = GraphStore::open_read_only(store)?;
        Ok(Self { graphs, _owner: owner })
    }

    /// Opens a stopped directory for writing. An empty directory becomes a new store.
    pub(super) fn open_writable(path: &Path) -> Result<Self> {
        must_exist(path)?;
        let (owner, store) = DataDir::open_store(path, &RocksOptions::default())?;
        let graphs = GraphStore::open(store)?;
        Ok(Self { graphs, _owner: Some(owner) })
    }
}

/// A mistyped path must not become a new, empty store.
pub(super) fn must_exist(path: &Path) -> Result<(), Failure> {
    if path.is_dir() {
        return Ok(());
    }
    let path = path.display();
    let message = format!("there is no directory '{path}'; name a persist directory or a checkpoint");
    Err(Failure::new(Exit::Refused, message))
}
