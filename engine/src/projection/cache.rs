//! Projections of graphs, each kept until its graph changes or others need the memory.

use std::sync::Arc;

use epistemic_storage::{
    GraphStore,
    graph::{Graph, GraphError, GraphReader},
};

use super::{Projection, build};
use crate::{
    analytics::{Cancel, Cancelled},
    graph_cache::{GraphCache, Kept},
};

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

/// A projection and the version of the nodes and edges in it.
struct Built {
    version: u64,
    projection: Arc<Projection>,
}

impl Kept for Built {
    fn bytes(&self) -> usize {
        self.projection.bytes()
    }
}

/// Projections by graph id, bounded in memory.
pub(crate) struct Projections(GraphCache<Built>);

impl Projections {
    pub(crate) fn new(budget: usize) -> Self {
        Self(GraphCache::new(budget))
    }

    /// The projection of the graph's newest state, built if need be. Blocks while it is read from storage.
    pub(crate) fn get(
        &self,
        graphs: &GraphStore,
        graph: &Arc<Graph>,
        cancel: &Cancel,
    ) -> Result<Arc<Projection>, ProjectionError> {
        self.0.renew(graph, cancel, |held| {
            let version = graph.versions().topology;
            if let Some(built) = held.as_ref().filter(|built| built.version == version) {
                return Ok(Arc::clone(&built.projection));
            }
            *held = None;
            let projection = self.build(graphs, graph, cancel)?;
            *held = Some(Built { version, projection: Arc::clone(&projection) });
            Ok(projection)
        })
    }

    /// The projection if it is there and as new as the graph. Does not block.
    pub(crate) fn peek(&self, graph: &Graph) -> Option<Arc<Projection>> {
        let version = graph.versions().topology;
        self.0.peek(graph, |built| (built.version == version).then(|| Arc::clone(&built.projection)))
    }

    fn build(
        &self,
        graphs: &GraphStore,
        graph: &Graph,
        cancel: &Cancel,
    ) -> Result<Arc<Projection>, ProjectionError> {
        let view = graphs.view();
        let state = graphs.state_in(&*view, graph)?;
        let (needed, budget) = (estimate(state.nodes, state.edges), self.0.budget());
        if needed > budget {
            let (needed, allowed) = (needed >> 20, budget >> 20);
            return Err(ProjectionError::OverMemory { graph: Arc::clone(graph.name()), needed, allowed });
        }
        Ok(Arc::new(build::build(&GraphReader::new(&*view, graph), &state, cancel)?))
    }

    /// Bytes of the cached projections.
    pub(crate) fn bytes(&self) -> usize {
        self.0.bytes()
    }
}

/// Bytes of a projection: ids of 16 bytes with their index, both directions of edges.
fn estimate(nodes: u64, edges: u64) -> usize {
    usize::try_from(nodes.saturating_mul(40).saturating_add(edges.saturating_mul(8))).unwrap_or(usize::MAX)
}
