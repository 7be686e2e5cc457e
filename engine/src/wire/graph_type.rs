//! The type of a graph as it travels.

use serde::Deserialize;

/// What `CreateGraph` takes and `ListGraphs` shows. On the wire a string, or a map `{"Agent": nil}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum GraphType {
    /// Owned by one agent.
    Agent,
    /// Shared by a team.
    Team,
    /// Readable by everyone.
    Global,
    /// Open to everyone.
    Commons,
}

impl GraphType {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Agent => "Agent",
            Self::Team => "Team",
            Self::Global => "Global",
            Self::Commons => "Commons",
        }
    }
}
