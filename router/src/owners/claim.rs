//! What a shard says of a name.

use epistemic_protocol::placement::Endpoint;
use serde::{Deserialize, Serialize};

/// Whether a graph is served at a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stands {
    /// It is there, and the shard takes it for its own.
    Served,
    /// It is being filled.
    Arriving,
    /// It is elsewhere: a signpost.
    Moved,
}

/// A name at a shard, as `GraphOwners` tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Exact name.
    pub name: String,
    /// Whether it is served.
    pub standing: Stands,
    /// Its number in that store.
    pub graph_id: u64,
    /// Its ownership term: each hand-over and each return counts it on.
    pub epoch: u64,
    /// Number of its newest change.
    pub sequence: u64,
    /// Nodes.
    pub nodes: u64,
    /// Edges.
    pub edges: u64,
    /// Time of its newest change by that shard's clock, Unix milliseconds; when it was asked for by name and the ledger
    /// tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_ms: Option<u64>,
    /// The move it is part of, when it is not served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub move_id: Option<String>,
    /// Of a signpost: where it was handed over to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Of a signpost: the records are gone from there.
    #[serde(default)]
    pub dropped: bool,
    /// Of one that is served: who serves it by a higher term, so that clients are sent there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<String>,
}

/// A claim, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The shard.
    pub endpoint: Endpoint,
    /// What it says.
    #[serde(flatten)]
    pub claim: Claim,
}
