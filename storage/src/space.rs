//! The fixed set of key spaces, one per shape of record.
//!
//! Each space is one RocksDB column family. Creating a family costs 5 ms with 25 of them and 269 ms with
//! 1,000 (`docs/decisions/0001-fixed-column-families.md`), so there is one per *shape of record*, never one per graph.

/// A key space. Keys are ordered bytewise within a space; spaces are independent.
///
/// The names are part of the on-disk format: a retired space keeps its name for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Space {
    /// Graph names, graph states, the id allocator, the ids awaiting reclamation, and identities.
    Catalog = 0,
    /// Node id to insertion sequence and property bytes.
    Nodes = 1,
    /// (source, target, sequence) to property bytes.
    OutEdges = 2,
    /// (target, source, sequence), no value: derived from [`Space::OutEdges`].
    InEdges = 3,
    /// (label, sequence) to node id: derived from [`Space::Nodes`].
    Labels = 4,
    /// Sequence number to change record.
    Ledger = 5,
    /// Node id to embedding.
    Vectors = 6,
    /// Channels, their members and messages. Not of a graph.
    Channels = 7,
}

impl Space {
    /// Every space, in the order of their numbers.
    pub const ALL: [Space; 8] = [
        Space::Catalog,
        Space::Nodes,
        Space::OutEdges,
        Space::InEdges,
        Space::Labels,
        Space::Ledger,
        Space::Vectors,
        Space::Channels,
    ];

    /// The spaces that hold records of graphs, each key starting with a graph id.
    pub const OF_GRAPHS: [Space; 6] =
        [Space::Nodes, Space::OutEdges, Space::InEdges, Space::Labels, Space::Ledger, Space::Vectors];

    /// The name on disk.
    pub const fn name(self) -> &'static str {
        match self {
            Space::Catalog => "catalog",
            Space::Nodes => "nodes",
            Space::OutEdges => "out_edges",
            Space::InEdges => "in_edges",
            Space::Labels => "labels",
            Space::Ledger => "ledger",
            Space::Vectors => "vectors",
            Space::Channels => "channels",
        }
    }

    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

impl std::fmt::Display for Space {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
