//! Size of a graph on disk.

use serde::{Deserialize, Serialize};

use crate::{
    graph::{catalog::graph::Graph, error::GraphError, store::GraphStore},
    keys,
    space::Space,
};

/// Bytes of the records of a graph by kind, estimates ([`crate::Store::size_of`]).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphSizes {
    /// Nodes with their properties.
    pub nodes: u64,
    /// Edges with their properties, and the index by target.
    pub edges: u64,
    /// The index of nodes by label.
    pub labels: u64,
    /// The ledger.
    pub ledger: u64,
    /// Embeddings.
    pub vectors: u64,
}

impl GraphSizes {
    /// All kinds together.
    pub fn total(&self) -> u64 {
        let Self { nodes, edges, labels, ledger, vectors } = *self;
        nodes + edges + labels + ledger + vectors
    }
}

impl GraphStore {
    /// What the records of a graph take. Blocks on disk.
    ///
    /// # Errors
    /// [`GraphError::Corrupt`] when a record that is counted is damaged; the graph is quarantined then.
    pub fn sizes_of(&self, graph: &Graph) -> Result<GraphSizes, GraphError> {
        let of = |space| {
            let size = self.store().size_of(space, keys::graph(graph.id()));
            size.map_err(|error| self.quarantine_if_corrupt(graph.name(), error))
        };
        Ok(GraphSizes {
            nodes: of(Space::Nodes)?,
            edges: of(Space::OutEdges)? + of(Space::InEdges)?,
            labels: of(Space::Labels)?,
            ledger: of(Space::Ledger)?,
            vectors: of(Space::Vectors)?,
        })
    }
}
