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
    /// The graph is being filled from another store.
    #[error(
        "ARRIVING: graph '{graph}' is being moved here and is served by '{from}' until then; nothing was done. Ask that \
         shard, or try again when the move is complete (docs/errors/arriving.md)"
    )]
    Arriving {
        /// The graph.
        graph: String,
        /// Where it is served.
        from: String,
    },
    /// The graph is being filled from a backup.
    #[error(
        "ARRIVING: graph '{graph}' is being restored here from {from} and is not open yet; nothing was done. Try again when \
         the restore is complete; if it was killed, free the name with egctl moves --forget (docs/errors/arriving.md)"
    )]
    Restoring {
        /// The graph.
        graph: String,
        /// What it is restored from, for people.
        from: String,
    },
    /// The graph is served elsewhere.
    #[error(
        "MOVED: graph '{graph}' moved to '{to}'; nothing was done. Update GRAPH_SERVICE_ENDPOINTS \
         (docs/errors/moved.md)"
    )]
    Moved {
        /// The graph.
        graph: String,
        /// Where it is served.
        to: String,
    },
    /// The graph is about to move and takes no writes for a moment.
    #[error(
        "MOVING: graph '{graph}' is being moved to '{to}' and takes no writes for a moment; nothing was written, try \
         again (docs/errors/moving.md)"
    )]
    Moving {
        /// The graph.
        graph: String,
        /// Where it goes.
        to: String,
    },
    /// A step of a move that does not fit the graph's standing.
    #[error("MOVE_CONFLICT: graph '{graph}': {detail}; nothing was done (docs/errors/move-conflict.md)")]
    MoveConflict {
        /// The graph.
        graph: String,
        /// What is in the way.
        detail: String,
    },
    /// A step of a move that was given up.
    #[error(
        "MOVE_ABORTED: move {move_id} of graph '{graph}' was given up, and no step of it is taken here any more; nothing \
         was done. Begin a new move (docs/errors/move-aborted.md)"
    )]
    MoveAborted {
        /// The graph.
        graph: String,
        /// The move.
        move_id: String,
    },
    /// A step of a move that was made for another state: look again, and go on from what is there.
    #[error("MOVE_OVERTAKEN: graph '{graph}': {detail}; nothing was done (docs/errors/move-overtaken.md)")]
    Overtaken {
        /// The graph.
        graph: String,
        /// What is not as it was.
        detail: String,
    },
    /// The graph has another newest sequence number than the step of a move was made for.
    #[error(
        "MOVE_OVERTAKEN: graph '{graph}' is at sequence {found}, not at {expected}; nothing was done, catch up \
         (docs/errors/move-overtaken.md)"
    )]
    MovedOn {
        /// The graph.
        graph: String,
        /// The sequence number that the step names.
        expected: u64,
        /// The newest one.
        found: u64,
    },
    /// The ledger does not hold all changes behind a sequence number.
    #[error(
        "LEDGER_TRUNCATED: the ledger of graph '{graph}' tells the changes {complete_from} to {sequence}, not all behind \
         {after}; begin again with a snapshot (docs/errors/ledger-truncated.md)"
    )]
    LedgerTruncated {
        /// The graph.
        graph: String,
        /// The sequence number that was asked for.
        after: u64,
        /// The first change that the ledger tells.
        complete_from: u64,
        /// The last one.
        sequence: u64,
    },
    /// A ledger record whose change cannot be made again: the content was replaced as a whole.
    #[error(
        "LEDGER_TRUNCATED: record {sequence} of graph '{graph}' replaced its content as a whole; begin again with a \
         snapshot (docs/errors/ledger-truncated.md)"
    )]
    NotReplayable {
        /// The graph.
        graph: String,
        /// The record.
        sequence: u64,
    },
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
    /// The key of a write that is made once came with another one before.
    #[error(
        "IDEMPOTENCY_CONFLICT: this idempotency key was used for another request to graph '{0}'; nothing was done, use a \
         new key for a new request"
    )]
    KeyReused(String),
    /// No room for the key of a write that is made once.
    #[error("BUSY: {0} idempotency keys are remembered, no more; nothing was done, retry with backoff")]
    TooManyKeys(usize),
    /// A tenant has as much as it may have.
    #[error("{0}")]
    OverQuota(Box<super::OverQuota>),
    /// Too many identities, or too much in one.
    #[error(transparent)]
    Limit(#[from] OverLimit),
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Box<super::OverQuota>> for GraphError {
    fn from(over: Box<super::OverQuota>) -> Self {
        GraphError::OverQuota(over)
    }
}

impl GraphError {
    /// A step of a move that does not fit.
    pub(super) fn conflict(graph: &str, detail: String) -> Self {
        GraphError::MoveConflict { graph: graph.to_owned(), detail }
    }

    /// A step of a move that was given up.
    pub(super) fn aborted(graph: &str, move_id: &str) -> Self {
        GraphError::MoveAborted { graph: graph.to_owned(), move_id: move_id.to_owned() }
    }

    /// A step that was made for another state.
    pub(super) fn overtaken(graph: &str, detail: String) -> Self {
        GraphError::Overtaken { graph: graph.to_owned(), detail }
    }

    /// The graph is served elsewhere.
    pub(super) fn moved(graph: &str, to: &str) -> Self {
        GraphError::Moved { graph: graph.to_owned(), to: to.to_owned() }
    }

    /// Another move has begun with the graph.
    pub(super) fn unfinished(graph: &str, move_id: &str) -> Self {
        let detail = format!("move {move_id} has begun with it; finish or abort that one first");
        Self::conflict(graph, detail)
    }
}
