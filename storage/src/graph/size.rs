//! How much room a graph takes.

use super::{catalog::Graph, error::GraphError, store::GraphStore};
use crate::{keys, space::Space};

impl GraphStore {
    /// Bytes of all records of a graph, an estimate ([`crate::Store::size_of`]). Blocks on disk.
    ///
    /// # Errors
    /// [`GraphError::Corrupt`] when a record that is counted is damaged; the graph is quarantined then.
    pub fn size_of(&self, graph: &Graph) -> Result<u64, GraphError> {
        let sizes =
            Space::OF_GRAPHS.into_iter().map(|space| self.store().size_of(space, keys::graph(graph.id())));
        sizes.sum::<crate::error::Result<u64>>().map_err(|error| self.damage(graph.name(), error))
    }
}
