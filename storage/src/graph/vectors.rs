//! What adding an embedding does to the records of one graph.

use super::{edit::Edit, error::GraphError, ledger::LedgerRecord};
use crate::{
    keys::{self, GraphId},
    space::Space,
};

/// Bytes of a component.
const COMPONENT: usize = size_of::<f32>();

impl Edit<'_, '_> {
    /// Adds the embedding of a node or replaces it. All of a graph have one length; an only one may be replaced by
    /// another length.
    pub(super) fn add_vector(&mut self, node: &str, components: &[u8]) -> Result<(), GraphError> {
        let key = keys::node(GraphId(self.live.entry.id), node);
        if !self.overlay.has_node(&key)? {
            return Err(GraphError::NodeNotFound(node.to_owned()));
        }
        if components.is_empty() {
            return Err(GraphError::EmptyVector(node.to_owned()));
        }
        let dimension = (components.len() / COMPONENT) as u64;
        let state = &self.live.state;
        let replaces = state.vectors > 0 && self.overlay.has_vector(&key)?;
        let others = state.vectors - u64::from(replaces);
        if others > 0 && state.dimension != dimension {
            let (node, expected) = (node.to_owned(), state.dimension);
            return Err(GraphError::VectorLength { node, found: dimension, expected });
        }
        self.live.versions.vectors = self.log(&LedgerRecord::AddVector { node, components });
        self.live.state.vectors = others + 1;
        self.live.state.dimension = dimension;
        self.overlay.put(Space::Vectors, &key, components);
        Ok(())
    }
}
