//! A store for trial restores, removed behind them.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use epistemic_storage::GraphStore;
use epistemic_storage::RocksOptions;
use epistemic_storage::datadir::DataDir;
use tempfile::TempDir;

/// An empty store in a directory of its own.
pub(in crate::commands) struct Scratch {
    pub(in crate::commands) graphs: Arc<GraphStore>,
    _owner: DataDir,
    _folder: TempDir,
}

impl Scratch {
    /// In a new directory below `folder`, or below that of temporary files.
    pub(in crate::commands) fn new(folder: Option<&Path>) -> Result<Self> {
        let folder = match folder {
            Some(path) => tempfile::tempdir_in(path)?,
            None => tempfile::tempdir()?,
        };
        let (owner, store) = DataDir::open_store(folder.path(), &RocksOptions::default())?;
        Ok(Self { graphs: Arc::new(GraphStore::open(store)?), _owner: owner, _folder: folder })
    }
}
