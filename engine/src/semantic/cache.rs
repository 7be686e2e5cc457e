//! Indexes of graphs, each kept until others need the memory.

use std::sync::Arc;

use epistemic_storage::{
    GraphStore,
    graph::{Graph, GraphReader},
};

use super::{SemanticError, index::Index, update};
use crate::{analytics::Cancel, graph_cache::GraphCache, metrics::Asked};

/// Indexes by graph id, bounded in memory.
pub(crate) struct Indexes(GraphCache<Arc<Index>>);

impl Indexes {
    pub(crate) fn new(budget: usize) -> Self {
        Self(GraphCache::new(budget))
    }

    /// The embeddings of the graph's newest state, brought up to date or read if need be. Blocks meanwhile.
    ///
    /// # Errors
    /// [`SemanticError::OverMemory`] when they would not fit.
    pub(crate) fn get(
        &self,
        graphs: &GraphStore,
        graph: &Arc<Graph>,
        cancel: &Cancel,
    ) -> Result<Arc<Index>, SemanticError> {
        self.0.renew(graph, cancel, |held| {
            let changed = graphs.newest(graph)?.1.vectors;
            let found = held.as_ref().filter(|index| index.sequence >= changed);
            self.0.found(found.is_some());
            if let Some(index) = found {
                return Ok(Arc::clone(index));
            }
            let view = graphs.read_view();
            let reader = GraphReader::new(&*view, graph);
            let state = reader.counters()?;
            let old = held.take();
            let needed = Index::estimate(state.vectors, state.components);
            if needed > self.0.budget() {
                let (needed, allowed) = (needed >> 20, self.0.budget() >> 20);
                return Err(SemanticError::OverMemory { graph: Arc::clone(graph.name()), needed, allowed });
            }
            if let Some(mut index) = old.filter(|index| update::can_follow(index, &state))
                // In place, unless a search still runs on it.
                && update::follow(Arc::make_mut(&mut index), &reader, &state)?
            {
                return Ok(Arc::clone(held.insert(index)));
            }
            self.0.make_room(graph, needed);
            Ok(Arc::clone(held.insert(Arc::new(update::build(&reader, &state, cancel)?))))
        })
    }

    /// Drops what is kept of graphs that are gone.
    pub(crate) fn forget_deleted(&self) {
        self.0.forget_deleted();
    }

    /// How often the cache was asked.
    pub(crate) fn asked(&self) -> Asked {
        self.0.asked()
    }

    /// Bytes of the cached indexes.
    pub(crate) fn bytes(&self) -> usize {
        self.0.bytes()
    }
}
