//! Opening a store by a URL-like string.

use std::path::Path;

use crate::{
    datadir::DataDir,
    error::{Result, StoreError},
    memory::MemoryStore,
    rocks::RocksOptions,
    store::Store,
};

/// Opens `memory:` (a new, empty store) or `rocksdb:PATH` (a data directory, created when missing). The second part
/// is the directory's ownership: hold it as long as the store.
///
/// ```
/// let (store, _directory) = epistemic_storage::open_url("memory:")?;
/// assert_eq!(store.backend(), "memory");
/// # Ok::<(), epistemic_storage::StoreError>(())
/// ```
///
/// # Errors
/// An unknown scheme, and everything [`DataDir::open_store`] refuses.
pub fn open_url(url: &str) -> Result<(Box<dyn Store>, Option<DataDir>)> {
    match url.split_once(':') {
        Some(("memory", "")) => Ok((Box::new(MemoryStore::new()), None)),
        Some(("rocksdb", path)) if !path.is_empty() => {
            let (directory, store) = DataDir::open_store(Path::new(path), &RocksOptions::default())?;
            Ok((Box::new(store), Some(directory)))
        }
        _ => Err(StoreError::BadDirectory {
            path: url.into(),
            detail: "a store is given as 'memory:' or 'rocksdb:PATH'".into(),
        }),
    }
}
