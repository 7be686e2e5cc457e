//! Errors of the graph layer. The texts of the first group are the wire contract.

use epistemic_protocol::{ErrorCode, redirect};

use crate::{error::StoreError, graph::quota::counts::OverQuota, limits::OverLimit};

/// Why an operation on a graph was refused or failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
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
        "{code}: graph '{graph}' belongs to tenant {tenant:?}; tenant {other:?} gives the same name: give one of \
         them another id ({code:#})",
        code = ErrorCode::TenantCollision
    )]
    TenantCollision {
        /// The graph.
        graph: String,
        /// Whose it is.
        tenant: String,
        /// Who wants it too.
        other: String,
    },
    /// No graph of this name is to be created here; the words are those of the rule ([`crate::graph::CreationPolicy`]).
    #[error("{0}")]
    NotHere(String),
    /// The graph is being filled from another store.
    #[error("{}", redirect::arriving(.graph, .from))]
    Arriving {
        /// The graph.
        graph: String,
        /// Where it is served.
        from: String,
    },
    /// The graph is being filled from a backup.
    #[error(
        "{code}: graph '{graph}' is being restored here from {from} and is not open yet; nothing was done. Try again when \
         the restore is complete; if it was killed, free the name with egctl moves --forget ({code:#})",
        code = ErrorCode::Arriving
    )]
    Restoring {
        /// The graph.
        graph: String,
        /// What it is restored from, for people.
        from: String,
    },
    /// The graph is served elsewhere.
    #[error("{}", redirect::moved(.graph, .to))]
    Moved {
        /// The graph.
        graph: String,
        /// Where it is served.
        to: String,
    },
    /// The graph is about to move and takes no writes for a moment.
    #[error(
        "{code}: graph '{graph}' is being moved to '{to}' and takes no writes for a moment; nothing was written, try \
         again ({code:#})",
        code = ErrorCode::Moving
    )]
    Moving {
        /// The graph.
        graph: String,
        /// Where it goes.
        to: String,
    },
    /// A step of a move that does not fit the graph's migration state.
    #[error("{code}: graph '{graph}': {detail}; nothing was done ({code:#})", code = ErrorCode::MoveConflict)]
    MoveConflict {
        /// The graph.
        graph: String,
        /// What is in the way.
        detail: String,
    },
    /// A step of a move that was given up.
    #[error(
        "{code}: move {move_id} of graph '{graph}' was given up, and no step of it is taken here any more; nothing \
         was done. Begin a new move ({code:#})",
        code = ErrorCode::MoveAborted
    )]
    MoveAborted {
        /// The graph.
        graph: String,
        /// The move.
        move_id: String,
    },
    /// A step of a move that was made for another state: look again, and go on from what is there.
    #[error(
        "{code}: graph '{graph}': {detail}; nothing was done ({code:#})",
        code = ErrorCode::MoveOvertaken
    )]
    Overtaken {
        /// The graph.
        graph: String,
        /// What is not as it was.
        detail: String,
    },
    /// The graph has another newest sequence number than the step of a move was made for.
    #[error(
        "{code}: graph '{graph}' is at sequence {found}, not at {expected}; nothing was done, catch up ({code:#})",
        code = ErrorCode::MoveOvertaken
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
        "{code}: the ledger of graph '{graph}' tells the changes {complete_from} to {sequence}, not all behind \
         {after}; begin again with a snapshot ({code:#})",
        code = ErrorCode::LedgerTruncated
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
        "{code}: record {sequence} of graph '{graph}' replaced its content as a whole; begin again with a \
         snapshot ({code:#})",
        code = ErrorCode::LedgerTruncated
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
    /// Properties that cannot be written as, or read into, the type that was asked for.
    #[error("properties: {0}")]
    BadProperties(String),
    /// An embedding without components.
    #[error("embedding of '{0}' has no components")]
    EmptyEmbedding(String),
    /// A graph hit damaged records earlier and takes no writes.
    #[error(
        "{code}: graph '{graph}' is quarantined, it takes no writes: {reason}; other graphs are not affected. \
         Restore it from a snapshot or checkpoint ({code:#})",
        code = ErrorCode::Corrupt
    )]
    Quarantined {
        /// The graph.
        graph: String,
        /// The first damage found.
        reason: String,
    },
    /// Damaged records of a graph.
    #[error(
        "{code}: graph '{graph}': {error}; restore it from a snapshot or checkpoint ({code:#})",
        code = ErrorCode::Corrupt
    )]
    Corrupt {
        /// The graph.
        graph: String,
        /// What the store found.
        error: StoreError,
    },
    /// The key of a write that is made once came with another one before.
    #[error(
        "{code}: this idempotency key was used for another request to graph '{0}'; nothing was done, use a \
         new key for a new request",
        code = ErrorCode::IdempotencyConflict
    )]
    KeyReused(String),
    /// No room for the key of a write that is made once.
    #[error(
        "{code}: {0} idempotency keys are remembered, no more; nothing was done, retry with backoff",
        code = ErrorCode::Busy
    )]
    TooManyKeys(usize),
    /// A tenant has as much as it may have.
    #[error("{0}")]
    OverQuota(Box<OverQuota>),
    /// Too many identities, or too much in one.
    #[error(transparent)]
    Limit(#[from] OverLimit),
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Box<OverQuota>> for GraphError {
    fn from(over: Box<OverQuota>) -> Self {
        GraphError::OverQuota(over)
    }
}

impl GraphError {
    /// Why, for programs. Nothing for what only its text says.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        Some(match self {
            GraphError::GraphNotFound(_)
            | GraphError::NodeNotFound(_)
            | GraphError::SourceNotFound(_)
            | GraphError::TargetNotFound(_) => ErrorCode::NotFound,
            GraphError::GraphReplaced(_) => ErrorCode::GraphReplaced,
            GraphError::GraphExists(_) => ErrorCode::Exists,
            GraphError::TenantCollision { .. } => ErrorCode::TenantCollision,
            // The rule says which of its own.
            GraphError::NotHere(text) => ErrorCode::of_text(text),
            GraphError::Arriving { .. } | GraphError::Restoring { .. } => ErrorCode::Arriving,
            GraphError::Moved { .. } => ErrorCode::Moved,
            GraphError::Moving { .. } => ErrorCode::Moving,
            GraphError::MoveConflict { .. } => ErrorCode::MoveConflict,
            GraphError::MoveAborted { .. } => ErrorCode::MoveAborted,
            GraphError::Overtaken { .. } | GraphError::MovedOn { .. } => ErrorCode::MoveOvertaken,
            GraphError::LedgerTruncated { .. } | GraphError::NotReplayable { .. } => {
                ErrorCode::LedgerTruncated
            }
            GraphError::Quarantined { .. } | GraphError::Corrupt { .. } => ErrorCode::Corrupt,
            GraphError::KeyReused(_) => ErrorCode::IdempotencyConflict,
            GraphError::TooManyKeys(_) => ErrorCode::Busy,
            GraphError::OverQuota(_) => ErrorCode::Quota,
            GraphError::Limit(error) => return error.code(),
            GraphError::Store(error) => error.code(),
            GraphError::CannotDeleteCommons
            | GraphError::EmptyEmbedding(_)
            | GraphError::BadProperties(_) => {
                return None;
            }
        })
    }

    /// A step of a move that does not fit.
    pub(crate) fn conflict(graph: &str, detail: String) -> Self {
        GraphError::MoveConflict { graph: graph.to_owned(), detail }
    }

    /// A step of a move that was given up.
    pub(crate) fn aborted(graph: &str, move_id: &str) -> Self {
        GraphError::MoveAborted { graph: graph.to_owned(), move_id: move_id.to_owned() }
    }

    /// A step that was made for another state.
    pub(crate) fn overtaken(graph: &str, detail: String) -> Self {
        GraphError::Overtaken { graph: graph.to_owned(), detail }
    }

    /// The graph is served elsewhere.
    pub(crate) fn moved(graph: &str, to: &str) -> Self {
        GraphError::Moved { graph: graph.to_owned(), to: to.to_owned() }
    }

    /// Another move has begun with the graph.
    pub(crate) fn unfinished(graph: &str, move_id: &str) -> Self {
        let detail = format!("move {move_id} has begun with it; finish or abort that one first");
        Self::conflict(graph, detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clients read them.
    #[test]
    fn the_texts_are_those_that_clients_know() {
        let (graph, move_id) = (|| "g".to_owned(), || "7".to_owned());
        for (error, text) in [
            (GraphError::GraphNotFound(graph()), "Graph 'g' not found"),
            (
                GraphError::GraphReplaced(graph()),
                "Graph 'g' was replaced by another request meanwhile; nothing more was changed, try again",
            ),
            (GraphError::GraphExists(graph()), "Graph 'g' already exists"),
            (
                GraphError::TenantCollision { graph: graph(), tenant: "a b".into(), other: "A_b".into() },
                "TENANT_COLLISION: graph 'g' belongs to tenant \"a b\"; tenant \"A_b\" gives the same name: give one of them \
                 another id (docs/errors/tenant-collision.md)",
            ),
            (
                GraphError::Arriving { graph: graph(), from: "tcp://h:1".into() },
                "ARRIVING: graph 'g' is being moved here and is served by 'tcp://h:1' until then; nothing was done. Ask that \
                 shard, or try again when the move is complete (docs/errors/arriving.md)",
            ),
            (
                GraphError::Restoring { graph: graph(), from: "backup b".into() },
                "ARRIVING: graph 'g' is being restored here from backup b and is not open yet; nothing was done. Try again when \
                 the restore is complete; if it was killed, free the name with egctl moves --forget (docs/errors/arriving.md)",
            ),
            (
                GraphError::moved("g", "tcp://h:1"),
                "MOVED: graph 'g' moved to 'tcp://h:1'; nothing was done. Update GRAPH_SERVICE_ENDPOINTS \
                 (docs/errors/moved.md)",
            ),
            (
                GraphError::Moving { graph: graph(), to: "tcp://h:1".into() },
                "MOVING: graph 'g' is being moved to 'tcp://h:1' and takes no writes for a moment; nothing was written, try \
                 again (docs/errors/moving.md)",
            ),
            (
                GraphError::conflict("g", "no".into()),
                "MOVE_CONFLICT: graph 'g': no; nothing was done (docs/errors/move-conflict.md)",
            ),
            (
                GraphError::MoveAborted { graph: graph(), move_id: move_id() },
                "MOVE_ABORTED: move 7 of graph 'g' was given up, and no step of it is taken here any more; nothing was done. \
                 Begin a new move (docs/errors/move-aborted.md)",
            ),
            (
                GraphError::overtaken("g", "no".into()),
                "MOVE_OVERTAKEN: graph 'g': no; nothing was done (docs/errors/move-overtaken.md)",
            ),
            (
                GraphError::MovedOn { graph: graph(), expected: 1, found: 2 },
                "MOVE_OVERTAKEN: graph 'g' is at sequence 2, not at 1; nothing was done, catch up \
                 (docs/errors/move-overtaken.md)",
            ),
            (
                GraphError::LedgerTruncated { graph: graph(), after: 1, complete_from: 3, sequence: 9 },
                "LEDGER_TRUNCATED: the ledger of graph 'g' tells the changes 3 to 9, not all behind 1; begin again with a \
                 snapshot (docs/errors/ledger-truncated.md)",
            ),
            (
                GraphError::NotReplayable { graph: graph(), sequence: 4 },
                "LEDGER_TRUNCATED: record 4 of graph 'g' replaced its content as a whole; begin again with a snapshot \
                 (docs/errors/ledger-truncated.md)",
            ),
            (GraphError::NodeNotFound("n".into()), "Node 'n' not found"),
            (GraphError::SourceNotFound("n".into()), "Source node 'n' not found"),
            (GraphError::TargetNotFound("n".into()), "Target node 'n' not found"),
            (
                GraphError::Quarantined { graph: graph(), reason: "x".into() },
                "CORRUPT: graph 'g' is quarantined, it takes no writes: x; other graphs are not affected. Restore it from a \
                 snapshot or checkpoint (docs/errors/corrupt.md)",
            ),
            (
                GraphError::Corrupt { graph: graph(), error: StoreError::other("x") },
                "CORRUPT: graph 'g': storage error: x; restore it from a snapshot or checkpoint (docs/errors/corrupt.md)",
            ),
            (
                GraphError::KeyReused(graph()),
                "IDEMPOTENCY_CONFLICT: this idempotency key was used for another request to graph 'g'; nothing was done, use \
                 a new key for a new request",
            ),
            (
                GraphError::TooManyKeys(5),
                "BUSY: 5 idempotency keys are remembered, no more; nothing was done, retry with backoff",
            ),
            (
                OverLimit::Names { of: "channels", bytes: 2, most: 1 }.into(),
                "LIMIT_EXCEEDED: 2 bytes of names in channels, 1 are the most, the half of a part of --memory-budget; remove some \
                 (docs/errors/limit-exceeded.md)",
            ),
            (
                OverLimit::Properties { bytes: 2, most: 1 }.into(),
                "LIMIT_EXCEEDED: properties of 2 bytes, 1 are the most (--max-property-bytes); nothing was written \
                 (docs/errors/limit-exceeded.md)",
            ),
            (
                OverLimit::Batch { most: 1 }.into(),
                "LIMIT_EXCEEDED: the batch writes over 1 bytes (--max-batch-bytes); nothing of it was written, send it in \
                 parts (docs/errors/limit-exceeded.md)",
            ),
            (StoreError::ReadOnly.into(), "the store was opened read-only"),
        ] {
            assert_eq!(error.to_string(), text);
            assert_eq!(Some(ErrorCode::of_text(text)), error.code(), "{text}");
        }
        for (error, text) in [
            (GraphError::CannotDeleteCommons, "Cannot delete the __commons__ graph"),
            (GraphError::EmptyEmbedding("n".into()), "embedding of 'n' has no components"),
        ] {
            assert_eq!((error.to_string().as_str(), error.code()), (text, None));
            assert_eq!(ErrorCode::of_text(text), ErrorCode::ServerError);
        }
    }
}
