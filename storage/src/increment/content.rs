//! Header and trailer.

use serde::{Deserialize, Serialize};

/// First chunk of an increment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Version of the file format.
    pub version: u32,
    /// Name of the graph.
    pub graph: String,
    /// Identity of the store it was taken from; none in memory.
    pub store_id: Option<String>,
    /// SHA-256 of the file that this one stands on, lower-case hexadecimal.
    pub previous: String,
    /// Sequence number that the file before ends with.
    pub after: u64,
    /// Sequence number of the last record: above `after`.
    pub sequence: u64,
    /// When it was taken, Unix milliseconds.
    pub created_ms: u64,
}

/// Last chunk of an increment: what it must have held.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Number of records.
    pub records: u64,
    /// Bytes of all ledger payloads.
    pub bytes: u64,
    /// SHA-256 of all ledger payloads, lower-case hexadecimal.
    pub digest: String,
}
