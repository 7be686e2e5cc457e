//! What an audit reports: its progress, what each graph adds up to, what was found.

use serde::Serialize;

use super::finding::Findings;
use crate::limits::{NameLimits, RequestLimits};

/// How far an audit has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Records read so far.
    pub records: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
    /// Records that there are if the counters are right.
    pub expected: u64,
}

/// What the records of one graph add up to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GraphAudit {
    /// Its name.
    pub graph: String,
    /// Nodes.
    pub nodes: u64,
    /// Edges.
    pub edges: u64,
    /// Records of the label index.
    pub labels: u64,
    /// Ledger records.
    pub ledger: u64,
    /// Embeddings.
    pub vectors: u64,
    /// Number of its newest change.
    pub sequence: u64,
    /// What is wrong with it.
    pub findings: u64,
}

/// What an audit or a repair came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// The graphs that were read to their end, by name.
    pub graphs: Vec<GraphAudit>,
    /// The graphs that could not be read to their end, by name.
    pub unread: Vec<String>,
    /// What is wrong; after a repair, what still is.
    pub found: Findings,
    /// What a repair made right.
    pub repaired: Findings,
    /// What is larger than what is written may be ([`super::audit_with_limits`]): it stays in use.
    pub over_limits: Findings,
    /// Records read.
    pub records: u64,
}

/// The limits of a server that an audit compares with.
#[derive(Debug, Clone, Copy, Default)]
pub struct DataLimits {
    /// Of names.
    pub names: NameLimits,
    /// Of properties, labels and embeddings.
    pub requests: RequestLimits,
}
