//! Reclaims the records of deleted and replaced graphs.

use std::sync::Arc;

use crate::{
    batch::WriteBatch,
    error::Result,
    graph::{
        reclaim::emptied::{Removal, Retired},
        store::GraphStore,
        write::beside::Room,
    },
    keys::{self, GraphId},
    space::Space,
    store::{Durability, ScanOptions},
};

/// Up to this many records of a space are deleted key by key: cheaper for later reads than a range tombstone.
const FEW: usize = 64;

impl GraphStore {
    /// Removes the records of graphs that are gone and that nobody reads any more; returns how many graphs. Their room is
    /// given back by [`GraphStore::give_back_room`]. Call it now and then. A crash or an error at any instant leaves the
    /// rest for the next call.
    pub fn reclaim(&self) -> Result<usize> {
        let mut ready = self.take_unread();
        let count = ready.len();
        while let Some(entry) = ready.last() {
            if let Err(error) = self.reclaim_one(entry.id) {
                self.retired.lock().append(&mut ready);
                return Err(error);
            }
            self.emptied.lock().add(entry.id, Removal::Asked);
            ready.pop();
        }
        Ok(count)
    }

    fn take_unread(&self) -> Vec<Retired> {
        let is_read =
            |entry: &Retired| entry.readers.as_ref().is_some_and(|graph| Arc::strong_count(graph) > 1);
        let mut retired = self.retired.lock();
        let (busy, ready) = retired.drain(..).partition(is_read);
        *retired = busy;
        ready
    }

    /// Synced: the check of the write-ahead log relies on every commit being so (`rocks/wal.rs`).
    fn reclaim_one(&self, id: GraphId) -> Result<()> {
        self.writable()?;
        if let Some(limit) = self.store().range_removal_limit() {
            self.remove_in_parts(id, limit)?;
        }
        let mut batch = WriteBatch::new();
        for space in Space::OF_GRAPHS {
            self.delete_graph_range(&mut batch, space, id)?;
        }
        batch.delete(Space::Catalog, keys::state(id));
        batch.delete(Space::Catalog, keys::reclaim(id));
        batch.put(Space::Catalog, keys::emptied(id), []);
        self.commit_records(Durability::Sync, Room::Frees, move |_, group| group.append(&batch))
    }

    /// Removes records of the graph, which nobody reads, in commits of `limit` each, but for the last ones of each space. Until
    /// the id is no longer noted as one to reclaim, the rest is removed by the next call.
    fn remove_in_parts(&self, id: GraphId, limit: usize) -> Result<()> {
        for space in Space::OF_GRAPHS {
            let mut range = keys::graph(id);
            loop {
                let mut batch = WriteBatch::new();
                let mut cursor = self.store().scan(space, range.clone(), ScanOptions::SWEEP)?;
                while batch.len() < limit
                    && let Some((key, _)) = cursor.next()?
                {
                    batch.delete(space, key);
                    range.start = [key, &[0]].concat();
                }
                drop(cursor);
                if batch.len() < limit {
                    break;
                }
                batch.set_frees_room(true);
                self.store()
                    .commit(batch, Durability::Sync)
                    .inspect_err(|error| self.poison_unless_retryable(error))?;
            }
        }
        Ok(())
    }

    fn delete_graph_range(&self, batch: &mut WriteBatch, space: Space, id: GraphId) -> Result<()> {
        let range = keys::graph(id);
        match self.few_keys(space, id) {
            Ok(Some(keys)) => keys.into_iter().for_each(|key| batch.delete(space, key)),
            // Records too damaged to be read go as well.
            Err(error) if !error.is_corruption() => return Err(error),
            Ok(None) | Err(_) => {
                if let Some(end) = range.end {
                    batch.delete_range(space, range.start, end);
                }
            }
        }
        Ok(())
    }

    /// All keys of the graph in `space`, or `None` when they are not [`FEW`].
    fn few_keys(&self, space: Space, id: GraphId) -> Result<Option<Vec<Vec<u8>>>> {
        let mut keys = Vec::new();
        let mut cursor = self.store().scan(space, keys::graph(id), ScanOptions::FORWARD)?;
        while let Some((key, _)) = cursor.next()? {
            if keys.len() == FEW {
                return Ok(None);
            }
            keys.push(key.to_vec());
        }
        Ok(Some(keys))
    }
}
