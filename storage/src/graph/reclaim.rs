//! Reclaims the records of deleted and replaced graphs.

use std::sync::Arc;

use super::store::GraphStore;
use crate::{
    batch::WriteBatch,
    error::Result,
    keys,
    space::Space,
    store::{Direction, Durability},
};

/// Up to this many records of a space are deleted key by key: cheaper for later reads than a range tombstone.
const FEW: usize = 64;

impl GraphStore {
    /// Removes the records of graphs that are gone and that nobody reads any more; returns how many graphs.
    /// Call it now and then. A crash at any instant leaves the rest for the next call.
    pub fn reclaim(&self) -> Result<usize> {
        let ready: Vec<_> = {
            let mut retired = self.retired.lock();
            let readable =
                |graph: &Option<Arc<super::Graph>>| graph.as_ref().is_some_and(|graph| Arc::strong_count(graph) > 1);
            let (ready, busy) = retired.drain(..).partition(|entry| !readable(&entry.readers));
            *retired = busy;
            ready
        };
        let mut done = 0;
        for entry in ready {
            let mut batch = WriteBatch::new();
            for space in Space::OF_GRAPHS {
                self.doom(&mut batch, space, entry.id)?;
            }
            batch.delete(Space::Catalog, keys::reclaim(entry.id));
            if let Err(error) = self.store().commit(batch, Durability::Buffered) {
                self.retired.lock().push(entry);
                return Err(error);
            }
            done += 1;
        }
        Ok(done)
    }

    fn doom(&self, batch: &mut WriteBatch, space: Space, id: keys::GraphId) -> Result<()> {
        let range = keys::graph(id);
        let mut few = Vec::new();
        let mut cursor = self.store().scan(space, range.clone(), Direction::Forward)?;
        while let Some((key, _)) = cursor.next()? {
            few.push(key.to_vec());
            if few.len() > FEW {
                if let Some(end) = range.end {
                    batch.delete_range(space, range.start, end);
                }
                return Ok(());
            }
        }
        for key in few {
            batch.delete(space, key);
        }
        Ok(())
    }
}
