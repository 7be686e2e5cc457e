//! Projections of graphs, each kept until its graph changes or others need the memory.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use epistemic_storage::{
    GraphStore, StoreError,
    graph::{Graph, GraphError, GraphReader, GraphState},
};
use lru::LruCache;
use parking_lot::Mutex;

use super::{Projection, build};
use crate::analytics::{Cancel, Cancelled};

/// How long a computation waits for the projection another one builds before it looks whether its client is gone.
const PATIENCE: Duration = Duration::from_millis(20);

/// Why there is no projection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProjectionError {
    /// Nobody waits for it any more.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// It would not fit into the memory for projections.
    #[error(
        "PROJECTION_TOO_LARGE: the algorithm needs about {needed} MiB for graph '{graph}', --projection-memory allows {allowed} MiB; raise it"
    )]
    OverMemory { graph: Arc<str>, needed: u64, allowed: usize },
    /// More nodes, edges or bytes of ids than 32 bits can number.
    #[error("PROJECTION_TOO_LARGE: over 2^32 nodes, edges or bytes of node ids")]
    TooMany,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The graph is gone.
    #[error(transparent)]
    Graph(#[from] GraphError),
}

/// A graph's projection with the version of the nodes and edges in it. The lock is held while it is built.
type Slot = Arc<Mutex<Option<(u64, Arc<Projection>)>>>;

struct Entry {
    graph: Arc<str>,
    slot: Slot,
    /// Bytes of what is in the slot; 0 while it is built.
    bytes: usize,
}

/// Projections by graph id, bounded in memory. Those in use by running computations count only while they are cached.
pub(crate) struct Projections {
    budget: usize,
    cached: Mutex<Cached>,
    builds: AtomicU64,
}

struct Cached {
    entries: LruCache<u64, Entry>,
    bytes: usize,
}

impl Cached {
    /// Counts `bytes` for the graph, unless it has another slot by now, and drops others for it as far as needed.
    fn count(&mut self, id: u64, slot: &Slot, bytes: usize, budget: usize) {
        let Some(entry) = self.entries.get_mut(&id).filter(|entry| Arc::ptr_eq(&entry.slot, slot)) else {
            return;
        };
        self.bytes = self.bytes - entry.bytes + bytes;
        entry.bytes = bytes;
        self.make_room(id, 0, budget);
    }

    /// Drops the projections that were not asked for the longest until `more` bytes fit, but not the one of `spared`.
    fn make_room(&mut self, spared: u64, more: usize, budget: usize) {
        while self.bytes.saturating_add(more) > budget
            && let Some(id) = self.oldest_but(spared)
        {
            self.remove(id);
        }
    }

    fn oldest_but(&self, spared: u64) -> Option<u64> {
        let mut by_age = self.entries.iter().rev();
        by_age.find(|(id, entry)| **id != spared && entry.bytes > 0).map(|(id, _)| *id)
    }

    fn remove(&mut self, id: u64) {
        self.bytes -= self.entries.pop(&id).map_or(0, |entry| entry.bytes);
    }
}

impl Projections {
    pub(crate) fn new(budget: usize) -> Self {
        let cached = Mutex::new(Cached { entries: LruCache::unbounded(), bytes: 0 });
        Self { budget, cached, builds: AtomicU64::new(0) }
    }

    /// The projection of the graph's newest state, built if need be. Blocks while it is read from storage.
    pub(crate) fn get(
        &self,
        graphs: &GraphStore,
        graph: &Graph,
        cancel: &Cancel,
    ) -> Result<Arc<Projection>, ProjectionError> {
        let id = graph.id().number();
        let entry = || Entry { graph: Arc::clone(graph.name()), slot: Slot::default(), bytes: 0 };
        let slot = Arc::clone(&self.cached.lock().entries.get_or_insert(id, entry).slot);
        let mut held = loop {
            if let Some(held) = slot.try_lock_for(PATIENCE) {
                break held;
            }
            cancel.check()?;
        };
        let version = graph.versions().topology;
        if let Some((built_at, projection)) = &*held
            && *built_at == version
        {
            return Ok(Arc::clone(projection));
        }
        *held = None;
        self.cached.lock().count(id, &slot, 0, self.budget);
        let built = self.build(graphs, graph, cancel).inspect_err(|_| self.give_up(id, &slot))?;
        *held = Some((version, Arc::clone(&built)));
        self.cached.lock().count(id, &slot, built.bytes(), self.budget);
        Ok(built)
    }

    /// The projection if it is there and as new as the graph. Does not block.
    pub(crate) fn peek(&self, graph: &Graph) -> Option<Arc<Projection>> {
        let slot = Arc::clone(&self.cached.lock().entries.peek(&graph.id().number())?.slot);
        let held = slot.try_lock()?;
        let (version, projection) = held.as_ref()?;
        (*version == graph.versions().topology).then(|| Arc::clone(projection))
    }

    fn build(
        &self,
        graphs: &GraphStore,
        graph: &Graph,
        cancel: &Cancel,
    ) -> Result<Arc<Projection>, ProjectionError> {
        cancel.check()?;
        let view = graphs.view();
        let state = graphs.state_in(&*view, graph)?;
        let needed = self.check_bytes(graph, estimate(&state))?;
        self.cached.lock().make_room(graph.id().number(), needed, self.budget);
        self.builds.fetch_add(1, Ordering::Relaxed);
        let built = build::build(&GraphReader::new(&*view, graph), &state, cancel)?;
        // Its ids may be longer than was thought.
        self.check_bytes(graph, built.bytes() as u64)?;
        Ok(Arc::new(built))
    }

    /// What is needed, if a computation on the graph may use as much at a time.
    ///
    /// # Errors
    /// [`ProjectionError::OverMemory`] when it is more than the memory for projections.
    pub(crate) fn check_bytes(&self, graph: &Graph, needed: u64) -> Result<usize, ProjectionError> {
        match usize::try_from(needed) {
            Ok(needed) if needed <= self.budget => Ok(needed),
            Ok(_) | Err(_) => {
                let (needed, allowed) = (needed.div_ceil(1 << 20), self.budget >> 20);
                Err(ProjectionError::OverMemory { graph: Arc::clone(graph.name()), needed, allowed })
            }
        }
    }

    /// Ends a build that failed. The place stays for those who wait at it.
    fn give_up(&self, id: u64, slot: &Slot) {
        let mut cached = self.cached.lock();
        // One clone is in the cache, one is the caller's.
        if cached.entries.peek(&id).is_some_and(|entry| Arc::ptr_eq(&entry.slot, slot))
            && Arc::strong_count(slot) <= 2
        {
            cached.remove(id);
        }
    }

    /// Drops what is kept of graphs that are gone.
    pub(crate) fn forget_deleted(&self, graphs: &GraphStore) {
        let mut cached = self.cached.lock();
        let lives = |name: &str, id| graphs.graph(name).is_ok_and(|graph| graph.id().number() == id);
        let entries = cached.entries.iter();
        let gone: Vec<_> =
            entries.filter(|(id, entry)| !lives(&entry.graph, **id)).map(|(id, _)| *id).collect();
        gone.into_iter().for_each(|id| cached.remove(id));
    }

    /// Bytes of the cached projections.
    pub(crate) fn bytes(&self) -> usize {
        self.cached.lock().bytes
    }

    /// Projections read from storage so far.
    pub(crate) fn builds(&self) -> u64 {
        self.builds.load(Ordering::Relaxed)
    }
}

/// Bytes of a projection: ids of 16 bytes with their index, both directions of edges.
fn estimate(state: &GraphState) -> u64 {
    state.nodes.saturating_mul(40).saturating_add(state.edges.saturating_mul(8))
}

#[cfg(test)]
mod tests;
