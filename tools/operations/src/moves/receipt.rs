//! The proof of a finished move.

use serde::{Deserialize, Serialize};

/// What moved, when, and what was compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// Version of this form.
    pub version: u32,
    /// The move.
    pub move_id: String,
    /// Exact graph name.
    pub graph: String,
    /// Where it was.
    pub source: String,
    /// Where it is.
    pub destination: String,
    /// The ownership term of the name since it was handed over.
    #[serde(default)]
    pub epoch: u64,
    /// Number of its newest change when it was handed over.
    pub sequence: u64,
    /// Nodes at `digest_at`, as the following counts; 0 when there is no digest.
    pub nodes: u64,
    /// Edges.
    pub edges: u64,
    /// Embeddings.
    pub vectors: u64,
    /// Ledger records.
    pub ledger: u64,
    /// Bytes of all records.
    pub bytes: u64,
    /// Content digest, SHA-256 of nodes, edges and embeddings: what the destination served behind the handover, and what
    /// the source had with the destination's changes since. Missing when clients had done something that leaves nothing to
    /// compare.
    pub digest: Option<String>,
    /// Number of the destination's newest change at that digest.
    #[serde(default)]
    pub digest_at: Option<u64>,
    /// Why there is no digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unproven: Option<String>,
    /// Number of the change at which the whole content of both sides was compared and found equal before the handover.
    pub compared_at: Option<u64>,
    /// The digest that both sides had there. This and the next are missing when the journal was lost on the way.
    pub compared_digest: Option<String>,
    /// Digest of the changes behind that, which both sides had when it was handed over; none when there were none.
    pub tail_digest: Option<String>,
    /// Unix milliseconds: the move began.
    pub started_ms: u64,
    /// Unix milliseconds: the source handed it over.
    pub departed_ms: u64,
    /// Unix milliseconds: the destination served it.
    pub admitted_ms: u64,
    /// Milliseconds for which writes were refused, in all attempts, when the mover lived through it.
    pub pause_ms: Option<f64>,
}

/// Version of the form. In version 1 the digest and the counts were the source's, of the handover.
pub(super) const VERSION: u32 = 2;
