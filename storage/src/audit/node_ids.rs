//! Whether nodes exist, asked in the order of their ids.

use crate::{
    error::Result,
    keys::{self, GraphId},
    space::Space,
    store::{Cursor, Read, ScanOptions},
};

/// A scan of all nodes that goes along with a scan of records that name nodes in the same order: a merge join.
pub(super) struct NodeIds<'r> {
    cursor: Box<dyn Cursor + 'r>,
    /// Id of the newest node read; none before the first and behind the last.
    current: Option<Vec<u8>>,
    ended: bool,
}

impl<'r> NodeIds<'r> {
    pub(super) fn new(read: &'r dyn Read, id: GraphId) -> Result<Self> {
        let cursor = read.scan(Space::Nodes, keys::graph(id), ScanOptions::FORWARD)?;
        Ok(Self { cursor, current: None, ended: false })
    }

    /// Whether there is such a node. Ids must not descend from call to call.
    pub(super) fn contains(&mut self, node: &str) -> Result<bool> {
        while !self.ended && self.current.as_deref().is_none_or(|current| current < node.as_bytes()) {
            match self.cursor.next()? {
                Some((key, _)) => {
                    let current = self.current.get_or_insert_default();
                    current.clear();
                    current.extend_from_slice(keys::without_graph_id(key).unwrap_or_default());
                }
                None => {
                    self.current = None;
                    self.ended = true;
                }
            }
        }
        Ok(self.current.as_deref() == Some(node.as_bytes()))
    }
}
