//! Migration state: why a graph of the catalog is not served, and what its name answers meanwhile.

use serde::{Deserialize, Serialize};

use crate::graph::error::GraphError;

/// Why a graph of the catalog is not served. A graph without one is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MigrationState {
    /// It is being filled from another store, which serves it until then.
    Arriving {
        /// The move that fills it.
        move_id: String,
        /// Where it comes from, for people.
        from: String,
        /// What its copy was taken of; none before there is one, and in copies of backups.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        origin: Option<Origin>,
        /// The redirect that it took the place of; it comes back if the move is given up.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<Redirect>,
    },
    /// It is served elsewhere.
    Moved(Redirect),
}

/// The graph that a copy was taken of. One that is created under its name later, or takes its place, is another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Its number in its store.
    pub graph_id: u64,
    /// Its ownership term.
    pub epoch: u64,
}

/// Begins the move ids of restores: their graphs arrive from a backup, not from a shard.
pub const RESTORE: &str = "restore-";

/// Where a graph went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redirect {
    /// The move that took it.
    pub move_id: String,
    /// Its new endpoint.
    pub to: String,
    /// Its records are gone from here; the redirect alone is left.
    pub dropped: bool,
}

impl MigrationState {
    /// What is answered instead of serving the graph `name`.
    pub(crate) fn refusal(&self, name: &str) -> GraphError {
        let graph = name.to_owned();
        match self {
            MigrationState::Arriving { from, .. } if self.is_restore() => {
                GraphError::Restoring { graph, from: from.clone() }
            }
            MigrationState::Arriving { from, .. } => GraphError::Arriving { graph, from: from.clone() },
            MigrationState::Moved(redirect) => GraphError::moved(name, &redirect.to),
        }
    }

    /// Whether it arrives from a backup.
    pub fn is_restore(&self) -> bool {
        matches!(self, MigrationState::Arriving { move_id, .. } if move_id.starts_with(RESTORE))
    }

    /// The move it belongs to.
    pub fn move_id(&self) -> &str {
        match self {
            MigrationState::Arriving { move_id, .. } => move_id,
            MigrationState::Moved(redirect) => &redirect.move_id,
        }
    }
}

/// Another store serves the graph by a higher ownership term. Not stored: whoever watches the other stores tells it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Superseded {
    /// Its endpoint.
    pub by: String,
    /// Its ownership term.
    pub epoch: u64,
}
