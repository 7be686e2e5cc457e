//! Changes of a node that depend on what it is at the moment of the commit.

use crate::{
    graph::{error::GraphError, read::node_record::decode_node, write::record_changes::Edit},
    keys,
    limits::properties_too_large,
    properties,
};

impl Edit<'_, '_> {
    /// Puts `updates` into the properties of a node whose fields are as `conditions` says; whether they were. A node that is
    /// missing, or whose properties are no map, is left alone.
    pub(crate) fn compare_and_set(
        &mut self,
        node: &str,
        conditions: &[u8],
        updates: &[u8],
    ) -> Result<bool, GraphError> {
        let key = keys::node(self.id(), node);
        let Some(value) = self.overlay.node(&key)? else { return Ok(false) };
        let (_, properties) = decode_node(&value)?;
        if !properties::meets(properties, conditions) {
            return Ok(false);
        }
        let Some(updated) = properties::merged(properties, updates) else { return Ok(false) };
        if updated != properties {
            let grown = updated.len() > properties.len();
            if grown && updated.len() > self.part.value_bytes {
                return Err(properties_too_large(updated.len(), self.part.value_bytes).into());
            }
            // In the ledger it is a node that was added again, as any other change of properties.
            self.add_node(node, &updated)?;
        }
        Ok(true)
    }

    /// As [`Edit::compare_and_set`]; the node and what its properties are then.
    pub(crate) fn claim(
        &mut self,
        node: &str,
        conditions: &[u8],
        updates: &[u8],
    ) -> Result<Option<(String, Vec<u8>)>, GraphError> {
        if !self.compare_and_set(node, conditions, updates)? {
            return Ok(None);
        }
        let value = self.overlay.node(&keys::node(self.id(), node))?;
        let properties = value.as_deref().map(decode_node).transpose()?;
        Ok(properties.map(|(_, properties)| (node.to_owned(), properties.to_vec())))
    }

    /// Adds a node unless there is one; whether it was added.
    pub(crate) fn add_missing_node(&mut self, node: &str, properties: &[u8]) -> Result<bool, GraphError> {
        if self.overlay.has_node(&keys::node(self.id(), node))? {
            return Ok(false);
        }
        self.add_node(node, properties)?;
        Ok(true)
    }
}
