//! Stored catalog entries: name, type, owner and state of a graph.

use serde::{Deserialize, Serialize};

use crate::{
    error::{Result, StoreError},
    graph::{catalog::migration_state::MigrationState, ledger::retention::LedgerKeep},
    space::Space,
};

/// The graph that is there on every store and cannot be deleted. With content it is a graph as others are, and moves; an empty
/// one is in nobody's way.
pub const COMMONS: &str = "__commons__";

/// Who a graph belongs to; decides access rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum GraphType {
    /// One agent's.
    Agent,
    /// A team's.
    Team,
    /// Everyone may read.
    Global,
    /// Everyone may read and write.
    Commons,
}

impl GraphType {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            GraphType::Agent => "Agent",
            GraphType::Team => "Team",
            GraphType::Global => "Global",
            GraphType::Commons => "Commons",
        }
    }
}

/// The stored catalog entry of a graph, a MessagePack map so that fields can be added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CatalogEntry {
    pub(crate) id: u64,
    #[serde(rename = "type")]
    pub(crate) kind: GraphType,
    pub(crate) owner: Option<String>,
    /// Entries written before there were tenants have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tenant: Option<String>,
    pub(crate) created_ms: u64,
    /// Why it is not served.
    #[serde(default, rename = "standing", skip_serializing_if = "Option::is_none")]
    pub(crate) migration_state: Option<MigrationState>,
    /// The move that brought it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) arrived: Option<String>,
    /// Ownership term of the name: each hand-over and each return counts it on. Entries written before there were terms
    /// have none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) epoch: u64,
    /// How much of its ledger it keeps, where that is not as the store keeps others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ledger_keep: Option<LedgerKeep>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl CatalogEntry {
    /// Whether a move, a restore or a hand-over gave the graph to this store.
    pub(crate) fn is_given(&self) -> bool {
        self.arrived.is_some() || self.epoch > 0
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        rmp_serde::to_vec_named(self).expect("plain fields always encode")
    }

    pub(crate) fn decode(name: &str, bytes: &[u8]) -> Result<Self> {
        rmp_serde::from_slice(bytes)
            .map_err(|error| StoreError::corrupt(Space::Catalog, format!("entry of graph '{name}': {error}")))
    }
}
