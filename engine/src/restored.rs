//! The note that the store was made from a copy: what it says of who serves a graph may be of the past.

use epistemic_storage::{Restored, StoreError};

use crate::shard::Shard;

impl Shard {
    /// The note, of a directory or of a store on an object store.
    pub(crate) fn restored(&self) -> Option<Restored> {
        match (self.checkpoints.directory(), &self.remote) {
            (Some(directory), _) => directory.restored(),
            (None, Some(remote)) => remote.restored.lock().clone(),
            (None, None) => None,
        }
    }

    /// Removes the note: its names were compared with the other shards. Durable on return; blocks.
    pub(crate) fn settle_restored(&self) -> Result<(), StoreError> {
        if let Some(directory) = self.checkpoints.directory() {
            return directory.settle_restored();
        }
        #[cfg(feature = "object-store")]
        if let Some(remote) = &self.remote
            && self.restored().is_some()
        {
            epistemic_object_store::settle_restored(&remote.location)?;
            *remote.restored.lock() = None;
        }
        Ok(())
    }
}
