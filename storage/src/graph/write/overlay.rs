//! Changes of the running group, visible to the later operations of the same group.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    ops::Bound,
};

use crate::{
    batch::{Change, WriteBatch},
    error::Result,
    graph::{ledger::record::LedgerRecord, write::overlay::savepoint::Savepoint},
    keys::{self, GraphId},
    space::Space,
    store::{KeyRange, ScanOptions, Store},
};

mod savepoint;

/// A batch under construction over a store. Only what operations read back is indexed: nodes and embeddings by key,
/// edges by range.
pub(crate) struct Overlay<'s> {
    store: &'s dyn Store,
    batch: WriteBatch,
    /// Number of the put in the batch, or `None` for a removed node.
    nodes: HashMap<Vec<u8>, Option<usize>>,
    /// Whether nodes exist in the store, where that was asked ahead.
    known: HashMap<Vec<u8>, bool>,
    /// Number of the put in the batch, or `None` for a removed edge.
    out_edges: BTreeMap<Vec<u8>, Option<usize>>,
    in_edges: BTreeMap<Vec<u8>, Option<usize>>,
    /// Number of the put in the batch, or `None` for a removed embedding.
    vectors: HashMap<Vec<u8>, Option<usize>>,
    savepoint: Option<Savepoint>,
}

impl<'s> Overlay<'s> {
    pub(crate) fn new(store: &'s dyn Store) -> Self {
        Self {
            store,
            batch: WriteBatch::new(),
            nodes: HashMap::new(),
            known: HashMap::new(),
            out_edges: BTreeMap::new(),
            in_edges: BTreeMap::new(),
            vectors: HashMap::new(),
            savepoint: None,
        }
    }

    /// Asks the store in one go which of the nodes exist that the group is going to ask for: cheaper than one by one.
    /// When that fails nothing is known: the operation that asks meets the error.
    pub(crate) fn prefetch_nodes(&mut self, mut keys: Vec<Vec<u8>>) {
        keys.sort_unstable();
        keys.dedup();
        if let Ok(found) = self.store.multi_contains(Space::Nodes, &keys) {
            self.known.extend(keys.into_iter().zip(found));
        }
    }

    /// What the store has of a record of the catalog, without the group's changes.
    pub(crate) fn stored_in_catalog(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.store.get(Space::Catalog, key)
    }

    /// The time of the newest record in the ledger that the store has of a graph; 0 when there is none.
    pub(crate) fn newest_change_ms(&self, id: GraphId) -> Result<u64> {
        let mut newest = self.store.scan(Space::Ledger, keys::graph(id), ScanOptions::REVERSE_SWEEP)?;
        newest.next()?.map_or(Ok(0), |(_, record)| Ok(LedgerRecord::decode(record)?.1))
    }

    /// Value of a node, group included.
    pub(crate) fn node(&self, key: &[u8]) -> Result<Option<Cow<'_, [u8]>>> {
        match (self.nodes.get(key), self.known.get(key)) {
            (Some(number), _) => Ok(number.map(|number| Cow::Borrowed(self.batch.value(number)))),
            (None, Some(false)) => Ok(None),
            (None, _) => Ok(self.store.get(Space::Nodes, key)?.map(Cow::Owned)),
        }
    }

    /// Whether a node exists, group included.
    pub(crate) fn has_node(&self, key: &[u8]) -> Result<bool> {
        match (self.nodes.get(key), self.known.get(key)) {
            (Some(number), _) => Ok(number.is_some()),
            (None, Some(known)) => Ok(*known),
            (None, None) => self.store.contains(Space::Nodes, key),
        }
    }

    /// Bytes of the embedding of a node, group included.
    pub(crate) fn vector_bytes(&self, key: &[u8]) -> Result<Option<usize>> {
        match self.vectors.get(key) {
            Some(put) => Ok(put.map(|number| self.batch.value(number).len())),
            None => Ok(self.store.get(Space::Vectors, key)?.map(|stored| stored.len())),
        }
    }

    /// Keys of the edges that begin with `prefix`, group included.
    pub(crate) fn edge_keys(&self, space: Space, prefix: &[u8]) -> Result<Vec<Vec<u8>>> {
        self.edge_keys_behind(space, prefix, None, usize::MAX)
    }

    /// Keys of the first edges that begin with `prefix` and come behind the key `behind`, in order, group included.
    pub(crate) fn edge_keys_behind(
        &self,
        space: Space,
        prefix: &[u8],
        behind: Option<&[u8]>,
        most: usize,
    ) -> Result<Vec<Vec<u8>>> {
        let pending = if space == Space::OutEdges { &self.out_edges } else { &self.in_edges };
        let mut range = KeyRange::prefix(prefix);
        if let Some(behind) = behind {
            range.start = [behind, &[0]].concat();
        }
        let added = pending.range(range.start.clone()..).take_while(|(key, _)| key.starts_with(prefix));
        let mut keys: Vec<_> = added.filter(|(_, put)| put.is_some()).map(|(key, _)| key.clone()).collect();
        let pending_keys = keys.len();
        let mut cursor = self.store.scan(space, range, ScanOptions::FORWARD)?;
        while keys.len() - pending_keys < most
            && let Some((key, _)) = cursor.next()?
        {
            if !pending.contains_key(key) {
                keys.push(key.to_vec());
            }
        }
        if pending_keys > 0 {
            keys.sort_unstable();
            keys.truncate(most);
        }
        Ok(keys)
    }

    /// Whether a pair has another edge than the one of `key`, group included. Scans after `key` first: removing edges in key order
    /// would otherwise rescan all tombstones each time (O(n^2)).
    pub(crate) fn has_parallel(&self, pair: &[u8], key: &[u8]) -> Result<bool> {
        let all = KeyRange::prefix(pair);
        let behind = KeyRange { start: [key, &[0]].concat(), ..all.clone() };
        let before = KeyRange { end: Some(key.to_vec()), ..all };
        Ok(self.has_out_edge(behind)? || self.has_out_edge(before)?)
    }

    fn has_out_edge(&self, range: KeyRange) -> Result<bool> {
        let pending =
            (Bound::Included(&range.start), range.end.as_ref().map_or(Bound::Unbounded, Bound::Excluded));
        if self.out_edges.range::<Vec<u8>, _>(pending).any(|(_, put)| put.is_some()) {
            return Ok(true);
        }
        let mut cursor = self.store.scan(Space::OutEdges, range, ScanOptions::FORWARD)?;
        while let Some((key, _)) = cursor.next()? {
            if !self.out_edges.contains_key(key) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Property bytes of one edge, group included.
    pub(crate) fn edge(&self, key: &[u8]) -> Result<Option<Cow<'_, [u8]>>> {
        match self.out_edges.get(key) {
            Some(put) => Ok(put.map(|number| Cow::Borrowed(self.batch.value(number)))),
            None => Ok(self.store.get(Space::OutEdges, key)?.map(Cow::Owned)),
        }
    }

    fn note(&mut self, space: Space, key: &[u8], put: Option<usize>) {
        let before = self.index(space, key.to_vec(), put);
        if let Some(savepoint) = &mut self.savepoint {
            savepoint.note(space, key, before);
        }
    }

    /// Indexes a change; returns what the index had.
    fn index(&mut self, space: Space, key: Vec<u8>, put: Option<usize>) -> Option<Option<usize>> {
        match space {
            Space::Nodes => self.nodes.insert(key, put),
            Space::OutEdges => self.out_edges.insert(key, put),
            Space::InEdges => self.in_edges.insert(key, put),
            Space::Vectors => self.vectors.insert(key, put),
            Space::Catalog | Space::Labels | Space::Ledger | Space::Channels => None,
        }
    }

    pub(crate) fn put(&mut self, space: Space, key: &[u8], value: &[u8]) {
        self.put_with(space, key, |out| out.extend_from_slice(value));
    }

    /// Puts a value that `value` appends to the batch.
    pub(crate) fn put_with(&mut self, space: Space, key: &[u8], value: impl FnOnce(&mut Vec<u8>)) {
        self.note(space, key, Some(self.batch.len()));
        self.batch.put_with(space, key, value);
    }

    pub(crate) fn delete(&mut self, space: Space, key: &[u8]) {
        self.note(space, key, None);
        self.batch.delete(space, key);
    }

    /// Adds the records of a whole graph, which no operation of this group can have read before.
    pub(crate) fn append(&mut self, records: &WriteBatch) {
        let first = self.batch.len();
        for (number, change) in records.changes().enumerate() {
            match change {
                Change::Put(space, key, _) => self.note(space, key, Some(first + number)),
                Change::Delete(space, key) => self.note(space, key, None),
                Change::DeleteRange(..) => {}
            }
        }
        self.batch.append(records);
    }

    /// Removes all of a range in a space that operations do not read back.
    pub(crate) fn delete_range(&mut self, space: Space, range: KeyRange) {
        debug_assert!(matches!(space, Space::Labels | Space::Ledger), "the others are read back by key");
        if let Some(end) = range.end {
            self.batch.delete_range(space, range.start, end);
        }
    }

    /// Number of changes, and bytes of their keys and values.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.batch.len(), self.batch.bytes())
    }

    pub(crate) fn into_batch(self) -> WriteBatch {
        self.batch
    }
}
