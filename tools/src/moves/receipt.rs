//! The proof of a finished move.

use serde::{Deserialize, Serialize};

/// What moved, when, and what was compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Receipt {
    /// Version of this form.
    pub(crate) version: u32,
    /// The move.
    pub(crate) move_id: String,
    /// Exact graph name.
    pub(crate) graph: String,
    /// Where it was.
    pub(crate) source: String,
    /// Where it is.
    pub(crate) destination: String,
    /// The ownership term of the name since it was handed over.
    #[serde(default)]
    pub(crate) epoch: u64,
    /// Number of its newest change when it was handed over.
    pub(crate) sequence: u64,
    /// Nodes at `digest_at`, as the following counts; 0 when there is no digest.
    pub(crate) nodes: u64,
    /// Edges.
    pub(crate) edges: u64,
    /// Embeddings.
    pub(crate) vectors: u64,
    /// Ledger records.
    pub(crate) ledger: u64,
    /// Bytes of all records.
    pub(crate) bytes: u64,
    /// Content digest, SHA-256 of nodes, edges and embeddings: what the destination served behind the handover, and what
    /// the source had with the destination's changes since. Missing when clients had done something that leaves nothing to
    /// compare.
    pub(crate) digest: Option<String>,
    /// Number of the destination's newest change at that digest.
    #[serde(default)]
    pub(crate) digest_at: Option<u64>,
    /// Why there is no digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) unproven: Option<String>,
    /// Number of the change at which the whole content of both sides was compared and found equal before the handover.
    pub(crate) compared_at: Option<u64>,
    /// The digest that both sides had there. This and the next are missing when the journal was lost on the way.
    pub(crate) compared_digest: Option<String>,
    /// Digest of the changes behind that, which both sides had when it was handed over; none when there were none.
    pub(crate) tail_digest: Option<String>,
    /// Unix milliseconds: the move began.
    pub(crate) started_ms: u64,
    /// Unix milliseconds: the source handed it over.
    pub(crate) departed_ms: u64,
    /// Unix milliseconds: the destination served it.
    pub(crate) admitted_ms: u64,
    /// Milliseconds for which writes were refused, in all attempts, when the mover lived through it.
    pub(crate) pause_ms: Option<f64>,
}

/// Version of the form. In version 1 the digest and the counts were the source's, of the handover.
pub(super) const VERSION: u32 = 2;
