//! Errors of the graph layer. The texts of the first group are the wire contract.

use crate::{error::StoreError, limits::OverLimit};

/// Why an operation on a graph was refused or failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// No graph has this name.
    #[error("Graph '{0}' not found")]
    GraphNotFound(String),
    /// The graph was deleted, cleared or replaced since it was read.
    #[error("Graph '{0}' was replaced by another request meanwhile; nothing more was changed, try again")]
    GraphReplaced(String),
    /// A graph has this name already.
    #[error("Graph '{0}' already exists")]
    GraphExists(String),
    /// Another tenant has claimed the name.
    #[error(
        "TENANT_COLLISION: graph '{graph}' belongs to tenant {tenant:?}; tenant {other:?} gives the same name: give one of \
         them another id (docs/errors/tenant-collision.md)"
    )]
    TenantCollision {
        /// The graph.
        graph: String,
        /// Whose it is.
        tenant: String,
        /// Who wants it too.
        other: String,
    },
    /// No graph of this name is to be created here; the words are those of the rule ([`super::NameRule`]).
    #[error("{0}")]
    NotHere(String),
    /// The default graph stays.
    #[error("Cannot delete the __commons__ graph")]
    CannotDeleteCommons,
    /// No node has this id.
    #[error("Node '{0}' not found")]
    NodeNotFound(String),
    /// The source of a new edge is missing.
    #[error("Source node '{0}' not found")]
    SourceNotFound(String),
    /// The target of a new edge is missing.
    #[error("Target node '{0}' not found")]
    TargetNotFound(String),
    /// An embedding without components.
    #[error("embedding of '{0}' has no components")]
    EmptyVector(String),
    /// An embedding whose length is not that of the others in the graph.
    #[error("embedding of '{node}' has {found} components, the graph's other embeddings have {expected}")]
    VectorLength {
        /// The node.
        node: String,
        /// Its components.
        found: u64,
        /// Those of the others.
        expected: u64,
    },
    /// A graph hit damaged records earlier and takes no writes.
    #[error(
        "CORRUPT: graph '{graph}' is quarantined, it takes no writes: {reason}; other graphs are not affected. \
         Restore it from a snapshot or checkpoint (docs/errors/corrupt.md)"
    )]
    Quarantined {
        /// The graph.
        graph: String,
        /// The first damage found.
        reason: String,
    },
    /// Damaged records of a graph.
    #[error(
        "CORRUPT: graph '{graph}': {error}; restore it from a snapshot or checkpoint (docs/errors/corrupt.md)"
    )]
    Corrupt {
        /// The graph.
        graph: String,
        /// What the store found.
        error: StoreError,
    },
    /// Too many identities, or too much in one.
    #[error(transparent)]
    Limit(#[from] OverLimit),
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
