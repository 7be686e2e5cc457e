//! Why a request gets an error instead of a result.

use epistemic_protocol::ErrorCode;
use epistemic_storage::{
    StoreError,
    graph::{Graph, GraphError},
    limits::OverLimit,
};

use crate::{
    access::Denied,
    admission::Busy,
    analytics::Cancelled,
    keys::Forbidden,
    memory::{NoRoom, TooLarge},
    quotas,
    shard::Shard,
    signed,
    wire::DecodeError,
};

/// Why a request gets an error.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpError {
    /// Its parameters cannot be decoded.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The graph layer refused or failed.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// No place for it.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// Its tenant has used up its quota.
    #[error(transparent)]
    Quota(#[from] quotas::Refusal),
    /// Access control.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The key of the connection.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The token of a signed request does not prove who asks, or what it may do.
    #[error(transparent)]
    Token(#[from] signed::Refusal),
    /// No room in memory.
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
    /// A method of other servers.
    #[error("Method '{0}' is not served by this server")]
    Unserved(String),
    /// A refusal with a code of its own.
    #[error("{0}: {1}")]
    Refused(ErrorCode, String),
    /// Anything else, in the words of the protocol.
    #[error("{0}")]
    Text(String),
}

impl From<OverLimit> for OpError {
    fn from(beyond: OverLimit) -> Self {
        OpError::Graph(beyond.into())
    }
}

impl From<Cancelled> for OpError {
    fn from(cancelled: Cancelled) -> Self {
        OpError::Text(cancelled.to_string())
    }
}

/// Why a read failed, before it is known whose graph it was.
pub(crate) enum ReadError {
    Op(OpError),
    Store(StoreError),
    /// It looked at more than it may here, or its answer has no room.
    OverBudget,
}

impl<E: Into<OpError>> From<E> for ReadError {
    fn from(error: E) -> Self {
        ReadError::Op(error.into())
    }
}

impl From<StoreError> for ReadError {
    fn from(error: StoreError) -> Self {
        ReadError::Store(error)
    }
}

impl From<TooLarge> for ReadError {
    fn from(TooLarge: TooLarge) -> Self {
        ReadError::OverBudget
    }
}

impl ReadError {
    /// Names the graph, and quarantines it when its records are damaged.
    pub(crate) fn of(self, shard: &Shard, graph: &Graph) -> OpError {
        match self {
            ReadError::Op(error) => error,
            ReadError::Store(error) => {
                OpError::Graph(shard.graphs.quarantine_if_corrupt(graph.name(), error))
            }
            ReadError::OverBudget => OpError::Text("the read is larger than it may be".into()),
        }
    }

    /// Damage of a second graph that the operation reads is charged to that one. Whatever else went wrong stays as it is.
    pub(crate) fn of_second(self, shard: &Shard, graph: &Graph) -> Self {
        match self {
            ReadError::Store(error) if error.is_corruption() => {
                ReadError::Store(error).of(shard, graph).into()
            }
            other @ (ReadError::Op(_) | ReadError::Store(_) | ReadError::OverBudget) => other,
        }
    }
}
