//! Loads the records of a whole graph, derived records included, before anyone sees it.

use super::{
    ledger_keep::LedgerKeep, record::write_node, state::GraphState, store::GraphStore, transaction::Retired,
};
use crate::{
    batch::WriteBatch,
    error::Result,
    keys::{self, GraphId},
    memory::MemoryStore,
    space::Space,
    store::{BulkLoad, Durability, Read, Store},
    view,
};

/// A graph smaller than this is committed with its catalog entry in one batch; a larger one is bulk loaded.
const SMALL_BYTES: usize = 4 << 20;

/// Receives the records of one graph in any order. Dropping it leaves nothing behind.
pub struct GraphLoader<'s> {
    graphs: &'s GraphStore,
    id: GraphId,
    batch: WriteBatch,
    bulk: Option<Box<dyn BulkLoad + 's>>,
    state: GraphState,
    /// The store knows the id and holds or may come to hold records of it.
    reserved: bool,
    newest_ms: u64,
    bytes: u64,
}

/// Loaded records, waiting for [`super::Op::Install`] or [`super::Op::Replace`].
#[derive(Debug, Clone)]
pub struct LoadedGraph {
    id: GraphId,
    batch: WriteBatch,
    state: GraphState,
    tenant: Option<Box<str>>,
    ledger_keep: Option<LedgerKeep>,
    /// The records are in the store already and not in the batch.
    stored: bool,
    newest_ms: u64,
    bytes: u64,
}

impl LoadedGraph {
    pub(super) fn parts(&self) -> (GraphId, &WriteBatch, GraphState) {
        (self.id, &self.batch, self.state)
    }

    /// Calls `look` with the loaded records, on a view that has no other, or those of a whole store besides; their id, and their
    /// counters.
    pub(crate) fn records<T>(
        &self,
        store: &dyn Store,
        look: impl FnOnce(&dyn Read, GraphId, GraphState) -> T,
    ) -> Result<T> {
        if self.stored {
            return Ok(look(&*store.view(), self.id, self.state));
        }
        let small = MemoryStore::new();
        small.commit(self.batch.clone(), Durability::Buffered)?;
        Ok(look(&small, self.id, self.state))
    }

    /// Time of the newest ledger record, Unix milliseconds.
    pub(super) fn newest_ms(&self) -> u64 {
        self.newest_ms
    }

    /// Bytes of keys and values, those of the indexes included.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Counters of the loaded records.
    pub fn state(&self) -> &GraphState {
        &self.state
    }

    /// Names the tenant that claims the graph they become, as in [`super::Op::Create`]. Without it the claim on a graph
    /// that they replace stays.
    pub fn set_tenant(&mut self, tenant: Option<String>) {
        self.tenant = tenant.map(String::into_boxed_str);
    }

    /// Sets how much of its ledger the graph keeps that they become. Without it a graph that they replace goes on as it was.
    pub fn set_ledger_keep(&mut self, keep: Option<LedgerKeep>) {
        self.ledger_keep = keep;
    }

    pub(super) fn ledger_keep(&self) -> Option<LedgerKeep> {
        self.ledger_keep
    }

    pub(super) fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }

    /// Overrides what the records do not tell: newest sequence number and where the ledger begins to be complete.
    pub fn set_sequence(&mut self, sequence: u64, complete_from: u64) {
        self.state.sequence = sequence;
        self.state.complete_from = complete_from;
    }
}

impl<'s> GraphLoader<'s> {
    pub(super) fn new(graphs: &'s GraphStore, id: GraphId) -> Self {
        Self {
            graphs,
            id,
            batch: WriteBatch::new(),
            bulk: None,
            state: GraphState::default(),
            reserved: false,
            newest_ms: 0,
            bytes: 0,
        }
    }

    /// Bytes of keys and values that were loaded until now, those of the indexes included.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds a node; ids must not repeat.
    pub fn node(&mut self, node: &str, sequence: u64, properties: &[u8]) -> Result<()> {
        for label in view::labels(properties) {
            self.put(Space::Labels, keys::label(self.id, label, sequence), node.as_bytes().to_vec())?;
        }
        self.state.nodes += 1;
        let mut value = Vec::new();
        write_node(&mut value, sequence, properties);
        self.put(Space::Nodes, keys::node(self.id, node), value)?;
        self.saw(sequence);
        Ok(())
    }

    /// Adds an edge; sequence numbers must not repeat within a pair. Both ends must be among the nodes.
    pub fn edge(&mut self, source: &str, target: &str, sequence: u64, properties: &[u8]) -> Result<()> {
        self.state.edges += 1;
        self.put(Space::InEdges, keys::edge(self.id, target, source, sequence), Vec::new())?;
        self.put(Space::OutEdges, keys::edge(self.id, source, target, sequence), properties.to_vec())?;
        self.saw(sequence);
        Ok(())
    }

    /// Adds a ledger record in its stored form.
    pub fn ledger(&mut self, sequence: u64, record: Vec<u8>) -> Result<()> {
        let (change, time) = super::LedgerRecord::decode(&record)?;
        self.state.ledger_lines += u64::from(change.is_shown());
        self.newest_ms = self.newest_ms.max(time);
        self.put(Space::Ledger, keys::ledger(self.id, sequence), record)?;
        self.saw(sequence);
        Ok(())
    }

    /// Adds an embedding as little-endian float32 components.
    pub fn vector(&mut self, node: &str, components: &[u8]) -> Result<()> {
        self.state.vectors += 1;
        self.state.components += (components.len() / 4) as u64;
        self.put(Space::Vectors, keys::node(self.id, node), components.to_vec())
    }

    /// Ends the load. Large graphs are durable on return, small ones once they are installed. Whether the ledger tells all
    /// changes is not known: it is complete from the next one on ([`LoadedGraph::set_sequence`]).
    pub fn finish(mut self) -> Result<LoadedGraph> {
        self.state.complete_from = self.state.sequence + 1;
        let (bulk, newest_ms) = (self.bulk.take(), self.newest_ms);
        let stored = bulk.is_some();
        if let Some(bulk) = bulk {
            bulk.finish()?;
            self.batch.delete(Space::Catalog, keys::reclaim(self.id));
        }
        self.reserved = false;
        let batch = std::mem::take(&mut self.batch);
        Ok(LoadedGraph {
            id: self.id,
            batch,
            state: self.state,
            tenant: None,
            ledger_keep: None,
            stored,
            newest_ms,
            bytes: self.bytes,
        })
    }

    fn saw(&mut self, sequence: u64) {
        self.state.sequence = self.state.sequence.max(sequence);
    }

    fn put(&mut self, space: Space, key: Vec<u8>, value: Vec<u8>) -> Result<()> {
        self.bytes += (key.len() + value.len()) as u64;
        match &mut self.bulk {
            Some(bulk) => bulk.put(space, key, value),
            None => {
                self.batch.put(space, key, value);
                if self.batch.bytes() < SMALL_BYTES { Ok(()) } else { self.grow() }
            }
        }
    }

    /// Goes over to a bulk load. The id is reserved first, so that a crash leaves nothing unowned.
    fn grow(&mut self) -> Result<()> {
        self.graphs.reserve(self.id)?;
        self.reserved = true;
        let mut bulk = self.graphs.store().bulk_load()?;
        for change in std::mem::take(&mut self.batch).changes() {
            if let crate::batch::Change::Put(space, key, value) = change {
                bulk.put(space, key.to_vec(), value.to_vec())?;
            }
        }
        self.bulk = Some(bulk);
        Ok(())
    }
}

impl Drop for GraphLoader<'_> {
    fn drop(&mut self) {
        if self.reserved {
            self.graphs.retired.lock().push(Retired { id: self.id, readers: None });
        }
    }
}
