//! Header and trailer.

use serde::{Deserialize, Serialize};

use crate::graph::{GraphType, LedgerKeep};

/// First chunk of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Version of the stream format.
    pub version: u32,
    /// Name of the graph it was taken of.
    pub graph: String,
    /// Type of that graph.
    #[serde(rename = "type")]
    pub kind: GraphType,
    /// Identity of the graph's creator.
    pub owner: Option<String>,
    /// The tenant that claimed the graph.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Ledger sequence it was cut at: it holds every change up to this one and none behind it.
    pub sequence: u64,
    /// The ledger in it is complete from this sequence on.
    pub complete_from: u64,
    /// How much of its ledger the graph keeps, where that is its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger_keep: Option<LedgerKeep>,
    /// Number of nodes.
    pub nodes: u64,
    /// Number of edges.
    pub edges: u64,
    /// When it was taken, Unix milliseconds.
    pub created_ms: u64,
}

/// Last chunk of a snapshot: what it must have held.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Number of nodes.
    pub nodes: u64,
    /// Number of edges.
    pub edges: u64,
    /// Number of ledger records.
    pub ledger: u64,
    /// Number of embeddings.
    pub vectors: u64,
    /// Bytes of all record payloads.
    pub bytes: u64,
    /// Content digest, lower-case hexadecimal SHA-256.
    pub digest: String,
}
