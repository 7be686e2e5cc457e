//! Graphs as algorithms see them: node ids by number and edges in compressed sparse rows, cached per graph.

mod build;
mod cache;
mod ids;
#[cfg(test)]
mod testing;

pub(crate) use build::Nodes;
pub(crate) use cache::{ProjectionError, Projections, SHORT_ID};
pub(crate) use ids::{Ids, IdsBuilder};

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use crate::analytics::Topology;

/// Nodes and edges of one state of a graph, without properties.
pub(crate) struct Projection {
    /// Node ids, numbered in insertion order.
    pub(crate) ids: Ids,
    /// Edges between these numbers.
    pub(crate) topology: Topology,
    /// Present once it is counted.
    counted: Option<Counted>,
}

/// Bytes that are counted while their projection is there, cached or in use.
struct Counted {
    all: Arc<AtomicUsize>,
    bytes: usize,
}

impl Counted {
    fn new(all: &Arc<AtomicUsize>, bytes: usize) -> Self {
        all.fetch_add(bytes, Ordering::Relaxed);
        Self { all: Arc::clone(all), bytes }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Projection {
    /// Bytes in memory once both directions are built, with its place in the cache.
    fn bytes(&self) -> usize {
        const PLACE: usize = 512;
        PLACE + self.ids.bytes() + 2 * self.topology.out().bytes()
    }
}
