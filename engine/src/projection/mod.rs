//! Graphs as algorithms see them: node ids by number and edges in compressed sparse rows, cached per graph.

mod build;
mod cache;
mod ids;
#[cfg(test)]
mod testing;

pub(crate) use build::Nodes;
pub(crate) use cache::{ProjectionError, Projections, SHORT_ID};
pub(crate) use ids::{Ids, IdsBuilder};

use crate::analytics::Topology;

/// Nodes and edges of one state of a graph, without properties.
pub(crate) struct Projection {
    /// Node ids, numbered in insertion order.
    pub(crate) ids: Ids,
    /// Edges between these numbers.
    pub(crate) topology: Topology,
}

impl Projection {
    /// Bytes in memory once both directions are built, with its place in the cache.
    fn bytes(&self) -> usize {
        const PLACE: usize = 512;
        PLACE + self.ids.bytes() + 2 * self.topology.out().bytes()
    }
}
