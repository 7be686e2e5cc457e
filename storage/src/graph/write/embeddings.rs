//! Mutations of embeddings.

use crate::{
    error::StoreError,
    graph::{
        error::GraphError,
        ledger::record::LedgerRecord,
        quota::counts::Counted,
        write::record_changes::{Edit, decrement},
    },
    keys::{self, GraphId},
    space::Space,
};

/// Bytes of a component.
const COMPONENT: usize = size_of::<f32>();

impl Edit<'_, '_> {
    /// Adds the embedding of a node or replaces it. It may have any length but 0.
    pub(crate) fn add_embedding(&mut self, node: &str, components: &[u8]) -> Result<(), GraphError> {
        let key = keys::node(GraphId(self.working.entry.id), node);
        if !self.overlay.has_node(&key)? {
            return Err(GraphError::NodeNotFound(node.to_owned()));
        }
        if components.is_empty() {
            return Err(GraphError::EmptyEmbedding(node.to_owned()));
        }
        let replaced = self.components_of(&key)?;
        if replaced.is_none() {
            self.may_add(Counted::Embeddings, self.working.counters.vectors, 1)?;
        }
        self.working.versions.vectors = self.log(&LedgerRecord::AddEmbedding { node, components });
        self.uncount(replaced)?;
        self.working.counters.vectors += 1;
        self.working.counters.components += (components.len() / COMPONENT) as u64;
        self.overlay.put(Space::Vectors, &key, components);
        Ok(())
    }

    /// Components of the embedding of a node; none when it has no embedding.
    pub(crate) fn components_of(&self, key: &[u8]) -> Result<Option<u64>, StoreError> {
        if self.working.counters.vectors == 0 {
            return Ok(None);
        }
        Ok(self.overlay.vector_bytes(key)?.map(|bytes| (bytes / COMPONENT) as u64))
    }

    /// Takes an embedding of so many components out of the counters.
    pub(crate) fn uncount(&mut self, components: Option<u64>) -> Result<(), StoreError> {
        let Some(components) = components else { return Ok(()) };
        decrement(&mut self.working.counters.vectors, 1)?;
        decrement(&mut self.working.counters.components, components)
    }
}
