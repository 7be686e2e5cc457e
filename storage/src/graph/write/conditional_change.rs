//! Conditional changes, as they are asked for, and their summary.

use serde::{Deserialize, Serialize};

/// A change that is made only if what it was worked out from is still there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConditionalChange {
    /// Rewrites or removes a node that was there and whose property bytes are still `expected`.
    Node {
        /// Node id.
        id: String,
        /// Property bytes that were seen.
        expected: Vec<u8>,
        /// New property bytes; `None` removes the node with its edges and its embedding.
        properties: Option<Vec<u8>>,
    },
    /// Rewrites or removes one edge whose property bytes are still `expected`.
    Edge {
        /// Source node id.
        source: String,
        /// Target node id.
        target: String,
        /// The sequence number that inserted the edge.
        sequence: u64,
        /// Property bytes that were seen.
        expected: Vec<u8>,
        /// New property bytes; `None` removes the edge, not its parallel ones.
        properties: Option<Vec<u8>>,
    },
    /// Adds an edge if both ends were there and are still.
    AddEdge {
        /// Source node id.
        source: String,
        /// Target node id.
        target: String,
        /// Property bytes.
        properties: Vec<u8>,
    },
}

impl ConditionalChange {
    /// Bytes of ids and properties.
    pub fn bytes(&self) -> usize {
        let length = |properties: &Option<Vec<u8>>| properties.as_ref().map_or(0, Vec::len);
        match self {
            ConditionalChange::Node { id, expected, properties } => {
                id.len() + expected.len() + length(properties)
            }
            ConditionalChange::Edge { source, target, expected, properties, .. } => {
                source.len() + target.len() + expected.len() + length(properties)
            }
            ConditionalChange::AddEdge { source, target, properties } => {
                source.len() + target.len() + properties.len()
            }
        }
    }

    /// Calls `each` with the nodes whose records the change looks at.
    pub(crate) fn for_each_node(&self, each: &mut dyn FnMut(&str)) {
        match self {
            ConditionalChange::AddEdge { source, target, .. } => {
                each(source);
                each(target);
            }
            // Their values are read anyway.
            ConditionalChange::Node { .. } | ConditionalChange::Edge { .. } => {}
        }
    }
}

/// What became of [`ConditionalChange`]s. Those that found something else than they expected are not counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeSummary {
    /// Nodes rewritten.
    pub nodes_set: u64,
    /// Ids of the nodes removed.
    pub nodes_removed: Vec<String>,
    /// Edges rewritten.
    pub edges_set: u64,
    /// Edges removed on their own.
    pub edges_removed: u64,
    /// Edges removed with their nodes.
    pub edges_cascaded: u64,
    /// Edges added.
    pub edges_added: u64,
}

impl ChangeSummary {
    /// Adds what another part did.
    pub fn add(&mut self, other: ChangeSummary) {
        let ChangeSummary { nodes_set, nodes_removed, edges_set, edges_removed, edges_cascaded, edges_added } =
            other;
        self.nodes_set += nodes_set;
        self.nodes_removed.extend(nodes_removed);
        self.edges_set += edges_set;
        self.edges_removed += edges_removed;
        self.edges_cascaded += edges_cascaded;
        self.edges_added += edges_added;
    }
}
