//! A new data directory out of all that is sound in a damaged one.

use std::path::Path;

use fs_err as fs;

use super::{
    DB_DIR, Identity, Restored, bad, checkpoint::refuse_occupied, lock::DirLock, open_read_only, private,
};
use crate::{
    durable,
    error::{Result, StoreError},
    graph::{GraphError, GraphStore, Salvaged},
    rocks::{RocksOptions, RocksStore},
};

/// Makes the new data directory `target` of what is sound in `source`, a stopped directory or a checkpoint, which is not
/// changed: [`GraphStore::salvage_into`]. It carries the identity of `source`, whose place it takes, and the
/// note that it was restored, which a checkpoint is by this. Durable on return; what
/// is cut short has no identity, and no server takes it for a store. Blocks; `progress` is told bytes and records.
///
/// # Errors
/// `source` does not open, not even its catalog; `target` is not new or empty; identities are damaged; there is no room.
pub fn salvage(source: &Path, target: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<Salvaged> {
    let (owned, damaged) = open_read_only(source)?;
    let damaged = GraphStore::open_read_only(damaged).map_err(of_store)?;
    let identity = Identity::load(source)?.ok_or_else(|| bad(source, "it has no identity.json"))?;
    let restored = match &owned {
        Some(directory) => directory.restored(),
        None => Some(Restored::now(format!("checkpoint '{}'", source.display()), None)),
    };
    fs::create_dir_all(target)?;
    refuse_occupied(target)?;
    private::close(target)?;
    let _owner = DirLock::acquire(target)?;
    // Again, as its owner: another process may have filled it meanwhile.
    refuse_occupied(target)?;
    let db = target.join(DB_DIR);
    let salvaged = fill(&damaged, &db, progress).inspect_err(|_| {
        // What is left is refused by everybody; the error that led here is told.
        let _ = fs::remove_dir_all(&db);
    })?;
    durable::sync_dir(&db)?;
    durable::sync_parent(target)?;
    restored.map_or(Ok(()), |restored| restored.store(target))?;
    identity.store(target)?;
    Ok(salvaged)
}

fn fill(damaged: &GraphStore, db: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<Salvaged> {
    // Nothing is promised before the end, so the log need not be synced on the way.
    let options = RocksOptions { strict_wal: false, ..RocksOptions::default() };
    let graphs = GraphStore::open_read_only(RocksStore::open(db, &options)?).map_err(of_store)?;
    let salvaged = damaged.salvage_into(&graphs, progress)?;
    graphs.store().flush()?;
    Ok(salvaged)
}

fn of_store(error: GraphError) -> StoreError {
    if let GraphError::Store(error) = error {
        return error;
    }
    StoreError::other(error.to_string())
}
