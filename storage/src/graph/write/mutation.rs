//! The mutations of single records.

use crate::view::batch;

/// Bytes of a record beside its ids and values, roughly.
pub(crate) const RECORD: usize = 64;

/// One item of a batch update. Items run in order; one that fails is reported and the rest still runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BatchOp {
    /// Adds a node or replaces its properties.
    AddNode {
        /// Node id.
        id: String,
        /// Property bytes.
        properties: Vec<u8>,
    },
    /// Removes a node and its edges.
    RemoveNode {
        /// Node id.
        id: String,
    },
    /// Adds an edge.
    AddEdge {
        /// Source node id.
        source: String,
        /// Target node id.
        target: String,
        /// Property bytes.
        properties: Vec<u8>,
    },
    /// Removes all edges of an ordered pair.
    RemoveEdge {
        /// Source node id.
        source: String,
        /// Target node id.
        target: String,
    },
    /// An item that could not be understood; reported with this text.
    Rejected(String),
}

impl BatchOp {
    /// Bytes of ids and properties.
    pub fn bytes(&self) -> usize {
        match self {
            BatchOp::AddNode { id, properties } => id.len() + properties.len(),
            BatchOp::AddEdge { source, target, properties } => source.len() + target.len() + properties.len(),
            BatchOp::RemoveNode { id } => id.len(),
            BatchOp::RemoveEdge { source, target } => source.len() + target.len(),
            BatchOp::Rejected(reason) => reason.len(),
        }
    }

    /// Bytes that it writes, roughly: its record with its ledger record.
    pub fn cost(&self) -> usize {
        RECORD + 2 * self.bytes()
    }

    /// Calls `each` with the nodes whose records the item looks at.
    pub(crate) fn for_each_node(&self, each: &mut dyn FnMut(&str)) {
        match self {
            BatchOp::AddNode { id, .. } | BatchOp::RemoveNode { id } => each(id),
            BatchOp::AddEdge { source, target, .. } | BatchOp::RemoveEdge { source, target } => {
                each(source);
                each(target);
            }
            BatchOp::Rejected(_) => {}
        }
    }
}

impl From<batch::BatchOp<'_>> for BatchOp {
    fn from(item: batch::BatchOp<'_>) -> Self {
        match item {
            batch::BatchOp::AddNode { id, properties } => BatchOp::AddNode { id: id.into(), properties },
            batch::BatchOp::RemoveNode { id } => BatchOp::RemoveNode { id: id.into() },
            batch::BatchOp::AddEdge { source, target, properties } => {
                BatchOp::AddEdge { source: source.into(), target: target.into(), properties }
            }
            batch::BatchOp::RemoveEdge { source, target } => {
                BatchOp::RemoveEdge { source: source.into(), target: target.into() }
            }
            batch::BatchOp::Rejected(reason) => BatchOp::Rejected(reason.to_string()),
        }
    }
}
