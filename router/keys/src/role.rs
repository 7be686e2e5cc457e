//! What the holder of a key is.

use std::fmt;

use serde::Deserialize;

/// What the holder of a key may do. The first three may do it with the graphs of their patterns, the others with all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads.
    Reader,
    /// Reads, and writes nodes and edges.
    Writer,
    /// As a writer; creates, deletes, clears, replaces and restores graphs.
    Owner,
    /// Reads, takes checkpoints and snapshots, moves and restores graphs, asks how the shard is.
    Operator,
    /// Does everything.
    System,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 5] = [Self::Reader, Self::Writer, Self::Owner, Self::Operator, Self::System];

    /// As in the file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Writer => "writer",
            Self::Owner => "owner",
            Self::Operator => "operator",
            Self::System => "system",
        }
    }

    /// Whether it is for the graphs of patterns, and not for all.
    #[must_use]
    pub fn has_patterns(self) -> bool {
        matches!(self, Self::Reader | Self::Writer | Self::Owner)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
