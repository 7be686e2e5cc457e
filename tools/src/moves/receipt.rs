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
    /// Number of its newest change when it was handed over.
    pub(crate) sequence: u64,
    /// Nodes then.
    pub(crate) nodes: u64,
    /// Edges then.
    pub(crate) edges: u64,
    /// Embeddings then.
    pub(crate) vectors: u64,
    /// Ledger records then.
    pub(crate) ledger: u64,
    /// Bytes of all its records then.
    pub(crate) bytes: u64,
    /// Content digest then: SHA-256 of nodes, edges and embeddings, computed by the source.
    pub(crate) digest: String,
    /// Number of the change at which the whole content of both sides was compared and found equal.
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
    /// Milliseconds for which writes were refused, when the mover lived through it.
    pub(crate) pause_ms: Option<f64>,
}

/// Version of the form.
pub(super) const VERSION: u32 = 1;
