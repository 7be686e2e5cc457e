//! Changes of nodes, edges and embeddings.

/// One change of a node, an edge or an embedding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mutation {
    /// Adds a node or replaces its properties; its edges and place in insertion order stay.
    AddNode {
        /// Node id.
        id: String,
        /// Property bytes, stored as they are.
        properties: Vec<u8>,
    },
    /// Removes a node, its edges and its embedding; a missing node is fine.
    RemoveNode {
        /// Node id.
        id: String,
    },
    /// Adds a (parallel) edge; both ends must be there.
    AddEdge {
        /// Source node id.
        source: String,
        /// Target node id.
        target: String,
        /// Property bytes, stored as they are.
        properties: Vec<u8>,
    },
    /// Puts one edge in place of all edges of an ordered pair; both ends must be there.
    ReplaceEdges {
        /// Source node id.
        source: String,
        /// Target node id.
        target: String,
        /// Property bytes, stored as they are.
        properties: Vec<u8>,
    },
    /// Removes all edges of an ordered pair; a missing edge is fine.
    RemoveEdge {
        /// Source node id.
        source: String,
        /// Target node id.
        target: String,
    },
    /// Puts fields into the properties of a node whose fields are as expected ([`crate::properties::meets`]).
    CompareAndSet {
        /// Node id.
        node: String,
        /// A MessagePack map of the expected fields.
        conditions: Vec<u8>,
        /// A MessagePack map of the new ones.
        updates: Vec<u8>,
    },
    /// Adds the embedding of a node or replaces it.
    AddEmbedding {
        /// Node id.
        node: String,
        /// Finite float32 components, little-endian.
        components: Vec<u8>,
    },
}

/// Bytes of a record beside its ids and values, roughly.
pub(crate) const RECORD: usize = 64;

impl Mutation {
    /// Its kind, and its ids and values.
    pub(crate) fn parts(&self) -> (u8, [&[u8]; 3]) {
        match self {
            Self::AddNode { id, properties } => (1, [id.as_bytes(), properties, &[]]),
            Self::RemoveNode { id } => (2, [id.as_bytes(), &[], &[]]),
            Self::AddEdge { source, target, properties } => {
                (3, [source.as_bytes(), target.as_bytes(), properties])
            }
            Self::ReplaceEdges { source, target, properties } => {
                (4, [source.as_bytes(), target.as_bytes(), properties])
            }
            Self::RemoveEdge { source, target } => (5, [source.as_bytes(), target.as_bytes(), &[]]),
            Self::CompareAndSet { node, conditions, updates } => (6, [node.as_bytes(), conditions, updates]),
            Self::AddEmbedding { node, components } => (7, [node.as_bytes(), components, &[]]),
        }
    }

    /// Bytes of ids and values.
    pub fn bytes(&self) -> usize {
        self.parts().1.iter().map(|part| part.len()).sum()
    }

    /// Bytes that it writes, roughly: its record with its ledger record.
    pub fn cost(&self) -> usize {
        RECORD + 2 * self.bytes()
    }

    /// Whether it adds to what is stored, but for the record of it.
    pub fn grows(&self) -> bool {
        match self {
            Self::AddNode { .. }
            | Self::AddEdge { .. }
            | Self::ReplaceEdges { .. }
            | Self::CompareAndSet { .. }
            | Self::AddEmbedding { .. } => true,
            Self::RemoveNode { .. } | Self::RemoveEdge { .. } => false,
        }
    }

    /// Calls `each` with the nodes that it touches: its own, or the ends of its edge.
    pub fn for_each_node(&self, each: &mut dyn FnMut(&str)) {
        match self {
            Self::AddNode { id: node, .. }
            | Self::RemoveNode { id: node }
            | Self::CompareAndSet { node, .. }
            | Self::AddEmbedding { node, .. } => each(node),
            Self::AddEdge { source, target, .. }
            | Self::ReplaceEdges { source, target, .. }
            | Self::RemoveEdge { source, target } => {
                each(source);
                each(target);
            }
        }
    }
}
