//! Projections of graphs, each kept until its graph changes or others need the memory.

use std::{sync::Arc, time::Duration};

use epistemic_storage::{
    GraphStore,
    graph::{Graph, GraphError, GraphReader},
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
    OverMemory { graph: Arc<str>, needed: usize, allowed: usize },
    /// More nodes, edges or bytes of ids than 32 bits can number.
    #[error("PROJECTION_TOO_LARGE: over 2^32 nodes, edges or bytes of node ids")]
    TooMany,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] epistemic_storage::StoreError),
    /// The graph is gone.
    #[error(transparent)]
    Graph(#[from] GraphError),
}

/// A graph's projection with the version of the nodes and edges in it. The lock is held while it is built.
type Slot = Arc<Mutex<Option<(u64, Arc<Projection>)>>>;

/// Projections by graph id, bounded in memory. Those in use by running computations count only while they are cached.
pub(crate) struct Projections {
    budget: usize,
    cached: Mutex<Cached>,
}

struct Cached {
    slots: LruCache<u64, (Slot, usize)>,
    bytes: usize,
}

impl Projections {
    pub(crate) fn new(budget: usize) -> Self {
        Self { budget, cached: Mutex::new(Cached { slots: LruCache::unbounded(), bytes: 0 }) }
    }

    /// The projection of the graph's newest state, built if need be. Blocks while it is read from storage.
    pub(crate) fn get(
        &self,
        graphs: &GraphStore,
        graph: &Graph,
        cancel: &Cancel,
    ) -> Result<Arc<Projection>, ProjectionError> {
        let id = graph.id().number();
        let slot = Arc::clone(&self.cached.lock().slots.get_or_insert(id, Default::default).0);
        let mut held = loop {
            cancel.check()?;
            if let Some(held) = slot.try_lock_for(PATIENCE) {
                break held;
            }
        };
        let version = graph.versions().topology;
        if let Some((built_at, projection)) = &*held
            && *built_at == version
        {
            return Ok(Arc::clone(projection));
        }
        *held = None;
        let built = self.build(graphs, graph, cancel).inspect_err(|_| self.forget(id))?;
        *held = Some((version, Arc::clone(&built)));
        self.account(id, built.bytes());
        Ok(built)
    }

    /// The projection if it is there and as new as the graph. Does not block.
    pub(crate) fn peek(&self, graph: &Graph) -> Option<Arc<Projection>> {
        let slot = Arc::clone(&self.cached.lock().slots.peek(&graph.id().number())?.0);
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
        let view = graphs.view();
        let state = graphs.state_in(&*view, graph)?;
        let needed = estimate(state.nodes, state.edges);
        if needed > self.budget {
            let (needed, allowed) = (needed >> 20, self.budget >> 20);
            return Err(ProjectionError::OverMemory { graph: Arc::clone(graph.name()), needed, allowed });
        }
        Ok(Arc::new(build::build(&GraphReader::new(&*view, graph), &state, cancel)?))
    }

    fn account(&self, id: u64, bytes: usize) {
        let mut cached = self.cached.lock();
        let Some((_, counted)) = cached.slots.get_mut(&id) else { return };
        let old = std::mem::replace(counted, bytes);
        cached.bytes = cached.bytes - old + bytes;
        while cached.bytes > self.budget
            && let Some((_, (_, freed))) = cached.slots.pop_lru()
        {
            cached.bytes -= freed;
        }
    }

    /// Gives up the place of a graph, for example because it was deleted.
    pub(crate) fn forget(&self, id: u64) {
        let mut cached = self.cached.lock();
        if let Some((_, freed)) = cached.slots.pop(&id) {
            cached.bytes -= freed;
        }
    }

    /// Bytes of the cached projections.
    pub(crate) fn bytes(&self) -> usize {
        self.cached.lock().bytes
    }
}

/// Bytes of a projection: ids of 16 bytes with their index, both directions of edges.
fn estimate(nodes: u64, edges: u64) -> usize {
    usize::try_from(nodes.saturating_mul(40).saturating_add(edges.saturating_mul(8))).unwrap_or(usize::MAX)
}
