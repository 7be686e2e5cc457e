//! The items of a batch update.

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

/// What a batch update did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BatchReport {
    /// Nodes added or replaced.
    pub added_nodes: u64,
    /// Edges added.
    pub added_edges: u64,
    /// Node removals asked for, missing nodes included.
    pub removed_nodes: u64,
    /// Edge removals asked for, missing edges included.
    pub removed_edges: u64,
    /// One text per failed item, `op[INDEX]: reason`.
    pub errors: Vec<String>,
}
