//! Projections of graphs, each kept until its graph changes or others need the memory.

use std::{
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use epistemic_protocol::ErrorCode;
use epistemic_storage::{
    GraphStore,
    backend::Read,
    graph::{Graph, GraphCounters, GraphReader},
};

use super::{Counted, Projection, build};
use crate::{
    analytics::{Cancel, Cancelled},
    graph_cache::{GraphCache, Kept},
    metrics::Asked,
};

/// Why there is no projection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProjectionError {
    /// Nobody waits for it any more.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// It would not fit into the memory for projections.
    #[error(
        "{code}: the algorithm needs about {needed} MiB for graph '{graph}', --projection-memory allows {allowed} MiB; raise it",
        code = ErrorCode::ProjectionTooLarge
    )]
    OverMemory { graph: Arc<str>, needed: u64, allowed: usize },
    /// Computations in progress hold what others displaced.
    #[error(
        "{code}: computations in progress hold twice --projection-memory, {allowed} MiB; nothing was changed, retry with backoff",
        code = ErrorCode::Busy
    )]
    Busy { allowed: usize },
    /// More nodes, edges or bytes of ids than 32 bits can number.
    #[error("{code}: over 2^32 nodes, edges or bytes of node ids", code = ErrorCode::ProjectionTooLarge)]
    TooMany,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] epistemic_storage::StoreError),
}

/// A projection and the newest change in it.
struct Built {
    sequence: u64,
    projection: Arc<Projection>,
}

impl Kept for Built {
    fn bytes(&self) -> usize {
        self.projection.bytes()
    }
}

/// Projections by graph id, bounded in memory.
pub(crate) struct Projections {
    cache: GraphCache<Built>,
    builds: AtomicU64,
    /// Bytes of those that are there, cached or in use.
    all: Arc<AtomicUsize>,
}

impl Projections {
    pub(crate) fn new(budget: usize) -> Self {
        Self { cache: GraphCache::new(budget), builds: AtomicU64::new(0), all: Arc::default() }
    }

    /// The projection of the graph's newest state, built if need be. Blocks while it is read from storage.
    pub(crate) fn get(
        &self,
        graphs: &GraphStore,
        graph: &Arc<Graph>,
        cancel: &Cancel,
    ) -> Result<Arc<Projection>, ProjectionError> {
        // The view is taken when those before are done: what they built is then new enough.
        self.renew(graphs, graph, cancel, || graphs.read_view())
    }

    /// The projection of the graph in the state of `view`, built if need be. Blocks while it is read from storage.
    pub(crate) fn at(
        &self,
        graphs: &GraphStore,
        graph: &Arc<Graph>,
        view: &dyn Read,
        cancel: &Cancel,
    ) -> Result<Arc<Projection>, ProjectionError> {
        self.renew(graphs, graph, cancel, || view)
    }

    fn renew<'v, V: Deref<Target = dyn Read + 'v>>(
        &self,
        graphs: &GraphStore,
        graph: &Arc<Graph>,
        cancel: &Cancel,
        view: impl FnOnce() -> V,
    ) -> Result<Arc<Projection>, ProjectionError> {
        self.cache.renew(graph, cancel, |held| {
            let view = view();
            let reader = GraphReader::new(&*view, graph);
            let state = reader.counters()?;
            // Since both states no node and no edge was added or removed.
            let changed = graphs.newest(graph)?.1.topology;
            let same = |built: &&Built| changed <= built.sequence.min(state.sequence);
            let found = held.as_ref().filter(same);
            self.cache.found(found.is_some());
            if let Some(built) = found {
                return Ok(Arc::clone(&built.projection));
            }
            let newer = held.take_if(|built| built.sequence > state.sequence);
            *held = None;
            let projection = self.build(&reader, &state, graph, cancel)?;
            let built = Built { sequence: state.sequence, projection: Arc::clone(&projection) };
            *held = newer.or(Some(built));
            Ok(projection)
        })
    }

    /// The projection if it is there and as new as the graph. Does not block.
    pub(crate) fn peek(&self, graph: &Graph) -> Option<Arc<Projection>> {
        let changed = graph.versions().topology;
        self.cache.peek(graph, |built| (changed <= built.sequence).then(|| Arc::clone(&built.projection)))
    }

    /// Reads a projection that is not kept.
    pub(crate) fn build(
        &self,
        reader: &GraphReader<'_>,
        state: &GraphCounters,
        graph: &Graph,
        cancel: &Cancel,
    ) -> Result<Arc<Projection>, ProjectionError> {
        cancel.check()?;
        let needed = self.check_bytes(graph, estimate(state, state.nodes.saturating_mul(SHORT_ID)))?;
        self.cache.make_room(graph, needed);
        let allowed = self.cache.budget();
        if self.all.load(Ordering::Relaxed) + needed > 2 * allowed {
            return Err(ProjectionError::Busy { allowed: allowed >> 20 });
        }
        self.builds.fetch_add(1, Ordering::Relaxed);
        // Its ids may be longer than was thought.
        let fits = |ids| self.check_bytes(graph, estimate(state, ids)).map(drop);
        let mut built = build::build(reader, state, cancel, fits)?;
        let bytes = self.check_bytes(graph, built.bytes() as u64)?;
        built.counted = Some(Counted::new(&self.all, bytes));
        Ok(Arc::new(built))
    }

    /// What is needed, if a computation on the graph may use as much at a time.
    ///
    /// # Errors
    /// [`ProjectionError::OverMemory`] when it is more than the memory for projections.
    pub(crate) fn check_bytes(&self, graph: &Graph, needed: u64) -> Result<usize, ProjectionError> {
        let budget = self.cache.budget();
        match usize::try_from(needed) {
            Ok(needed) if needed <= budget => Ok(needed),
            Ok(_) | Err(_) => {
                let (needed, allowed) = (needed.div_ceil(1 << 20), budget >> 20);
                Err(ProjectionError::OverMemory { graph: Arc::clone(graph.name()), needed, allowed })
            }
        }
    }

    /// Drops what is kept of graphs that are gone.
    pub(crate) fn forget_deleted(&self) {
        self.cache.forget_deleted();
    }

    /// Bytes of all projections, cached or in use.
    pub(crate) fn all_bytes(&self) -> usize {
        self.all.load(Ordering::Relaxed)
    }

    /// Bytes of the cached projections.
    pub(crate) fn bytes(&self) -> usize {
        self.cache.bytes()
    }

    /// How often the cache was asked.
    pub(crate) fn asked(&self) -> Asked {
        self.cache.asked()
    }

    /// Projections read from storage so far.
    pub(crate) fn builds(&self) -> u64 {
        self.builds.load(Ordering::Relaxed)
    }
}

/// Bytes of an id as long as nobody has read it.
pub(crate) const SHORT_ID: u64 = 16;

/// Bytes of a projection: `ids` bytes of ids with their index, both directions of edges.
fn estimate(state: &GraphCounters, ids: u64) -> u64 {
    ids.saturating_add(state.nodes.saturating_mul(24)).saturating_add(state.edges.saturating_mul(8))
}

#[cfg(test)]
mod tests;
