//! Loads the records of a whole graph, derived records included, before anyone sees it.

use std::sync::atomic::Ordering;

use crate::{
    batch::WriteBatch,
    error::Result,
    graph::{
        catalog::counters::GraphCounters, ledger::record::LedgerRecord, load::loaded::LoadedGraph,
        read::node_record::write_node, reclaim::emptied::Retired, store::GraphStore, write::beside::Room,
    },
    keys::{self, GraphId},
    properties,
    space::Space,
    store::{BulkLoad, Durability},
};

/// A graph smaller than this is committed with its catalog entry in one batch; a larger one is bulk loaded.
const SMALL_BYTES: usize = 4 << 20;

/// Receives the records of one graph in any order. Dropping it leaves nothing behind.
pub struct GraphLoader<'s> {
    graphs: &'s GraphStore,
    id: GraphId,
    batch: WriteBatch,
    bulk: Option<Box<dyn BulkLoad + 's>>,
    counters: GraphCounters,
    /// The store knows the id and holds or may come to hold records of it.
    reserved: bool,
    newest_ms: u64,
    bytes: u64,
}

impl<'s> GraphLoader<'s> {
    pub(crate) fn new(graphs: &'s GraphStore, id: GraphId) -> Self {
        Self {
            graphs,
            id,
            batch: WriteBatch::new(),
            bulk: None,
            counters: GraphCounters::default(),
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
        for label in properties::labels(properties) {
            self.put(Space::Labels, keys::label(self.id, label, sequence), node.as_bytes().to_vec())?;
        }
        self.counters.nodes += 1;
        let mut value = Vec::new();
        write_node(&mut value, sequence, properties);
        self.put(Space::Nodes, keys::node(self.id, node), value)?;
        self.observe_sequence(sequence);
        Ok(())
    }

    /// Adds an edge; sequence numbers must not repeat within a pair. Both ends must be among the nodes.
    pub fn edge(&mut self, source: &str, target: &str, sequence: u64, properties: &[u8]) -> Result<()> {
        self.counters.edges += 1;
        self.put(Space::InEdges, keys::edge(self.id, target, source, sequence), Vec::new())?;
        self.put(Space::OutEdges, keys::edge(self.id, source, target, sequence), properties.to_vec())?;
        self.observe_sequence(sequence);
        Ok(())
    }

    /// Adds a ledger record in its stored form.
    pub fn ledger(&mut self, sequence: u64, record: Vec<u8>) -> Result<()> {
        let (change, time) = LedgerRecord::decode(&record)?;
        self.counters.ledger_lines += u64::from(change.is_shown());
        self.newest_ms = self.newest_ms.max(time);
        self.put(Space::Ledger, keys::ledger(self.id, sequence), record)?;
        self.observe_sequence(sequence);
        Ok(())
    }

    /// Adds an embedding as little-endian float32 components.
    pub fn embedding(&mut self, node: &str, components: &[u8]) -> Result<()> {
        self.counters.vectors += 1;
        self.counters.components += (components.len() / 4) as u64;
        self.put(Space::Vectors, keys::node(self.id, node), components.to_vec())
    }

    /// Ends the load. Large graphs are durable on return, small ones once they are installed. Whether the ledger tells all
    /// changes is not known: it is complete from the next one on ([`LoadedGraph::set_sequence`]).
    pub fn finish(mut self) -> Result<LoadedGraph> {
        self.counters.complete_from = self.counters.sequence + 1;
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
            counters: self.counters,
            tenant: None,
            ledger_keep: None,
            stored,
            newest_ms,
            bytes: self.bytes,
        })
    }

    fn observe_sequence(&mut self, sequence: u64) {
        self.counters.sequence = self.counters.sequence.max(sequence);
    }

    fn put(&mut self, space: Space, key: Vec<u8>, value: Vec<u8>) -> Result<()> {
        self.bytes += (key.len() + value.len()) as u64;
        match &mut self.bulk {
            Some(bulk) => bulk.put(space, key, value),
            None => {
                self.batch.put(space, key, value);
                if self.batch.bytes() < SMALL_BYTES { Ok(()) } else { self.switch_to_bulk_load() }
            }
        }
    }

    /// Goes over to a bulk load. The id is reserved first, so that a crash leaves nothing unowned.
    fn switch_to_bulk_load(&mut self) -> Result<()> {
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

impl GraphStore {
    /// Starts loading the records of a graph that nobody sees until `Op::Install` or `Op::Replace` commits it.
    pub fn load(&self) -> GraphLoader<'_> {
        GraphLoader::new(self, GraphId(self.next_id.fetch_add(1, Ordering::Relaxed)))
    }

    /// Hands the records of a load that will not be committed to [`GraphStore::reclaim`].
    pub fn discard(&self, loaded: LoadedGraph) {
        self.retired.lock().push(Retired { id: loaded.parts().0, readers: None });
    }

    /// Records durably that `id` is taken and to be reclaimed unless a later commit says otherwise.
    pub(crate) fn reserve(&self, id: GraphId) -> Result<()> {
        self.commit_records(Durability::Sync, Room::Takes, move |graphs, batch| {
            let next = graphs.next_id.load(Ordering::Relaxed);
            batch.put(Space::Catalog, keys::next_id(), next.to_be_bytes());
            batch.put(Space::Catalog, keys::reclaim(id), Vec::new());
        })
    }
}
