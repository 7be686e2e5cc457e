//! Changes of the running group, visible to the operations behind them in the same group.

use std::collections::{BTreeMap, HashMap};

use crate::{
    batch::WriteBatch,
    error::Result,
    space::Space,
    store::{Direction, KeyRange, Store},
};

/// A batch under construction over a store. Only what operations read back is indexed: nodes by key, edges by range.
pub(super) struct Overlay<'s> {
    store: &'s dyn Store,
    batch: WriteBatch,
    nodes: HashMap<Vec<u8>, Option<Vec<u8>>>,
    out_edges: BTreeMap<Vec<u8>, bool>,
    in_edges: BTreeMap<Vec<u8>, bool>,
}

impl<'s> Overlay<'s> {
    pub(super) fn new(store: &'s dyn Store) -> Self {
        Self {
            store,
            batch: WriteBatch::new(),
            nodes: HashMap::new(),
            out_edges: BTreeMap::new(),
            in_edges: BTreeMap::new(),
        }
    }

    /// Value of a node, group included.
    pub(super) fn node(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        match self.nodes.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.store.get(Space::Nodes, key),
        }
    }

    /// Whether a node exists, group included.
    pub(super) fn has_node(&self, key: &[u8]) -> Result<bool> {
        match self.nodes.get(key) {
            Some(value) => Ok(value.is_some()),
            None => self.store.contains(Space::Nodes, key),
        }
    }

    /// Keys of the edges that begin with `prefix`, group included, in no order.
    pub(super) fn edge_keys(&self, space: Space, prefix: &[u8]) -> Result<Vec<Vec<u8>>> {
        let pending = self.edges(space);
        let mut keys = Vec::new();
        let mut cursor = self.store.scan(space, KeyRange::prefix(prefix), Direction::Forward)?;
        while let Some((key, _)) = cursor.next()? {
            if !pending.contains_key(key) {
                keys.push(key.to_vec());
            }
        }
        let added = pending.range(prefix.to_vec()..).take_while(|(key, _)| key.starts_with(prefix));
        keys.extend(added.filter(|(_, present)| **present).map(|(key, _)| key.clone()));
        Ok(keys)
    }

    fn edges(&self, space: Space) -> &BTreeMap<Vec<u8>, bool> {
        if space == Space::OutEdges { &self.out_edges } else { &self.in_edges }
    }

    fn note(&mut self, space: Space, key: &[u8], value: Option<&[u8]>) {
        match space {
            Space::Nodes => {
                self.nodes.insert(key.to_vec(), value.map(<[u8]>::to_vec));
            }
            Space::OutEdges => {
                self.out_edges.insert(key.to_vec(), value.is_some());
            }
            Space::InEdges => {
                self.in_edges.insert(key.to_vec(), value.is_some());
            }
            Space::Catalog | Space::Labels | Space::Ledger | Space::Vectors => {}
        }
    }

    pub(super) fn put(&mut self, space: Space, key: Vec<u8>, value: Vec<u8>) {
        self.note(space, &key, Some(&value));
        self.batch.put(space, key, value);
    }

    pub(super) fn delete(&mut self, space: Space, key: Vec<u8>) {
        self.note(space, &key, None);
        self.batch.delete(space, key);
    }

    /// Adds changes of records that no operation of this group can have read before.
    pub(super) fn append_unread(&mut self, batch: WriteBatch) {
        for change in batch.changes() {
            if let crate::batch::Change::Put(space, key, value) = change {
                self.note(*space, key, Some(value));
            }
        }
        self.batch.append(batch);
    }

    pub(super) fn delete_range(&mut self, space: Space, range: KeyRange) {
        debug_assert!(!matches!(space, Space::Nodes | Space::OutEdges | Space::InEdges), "read back by key");
        if let Some(end) = range.end {
            self.batch.delete_range(space, range.start, end);
        }
    }

    pub(super) fn into_batch(self) -> WriteBatch {
        self.batch
    }
}
