//! Why a copy of identities and channels was not written or not taken.

use crate::{channels::ChannelError, error::StoreError, graph::GraphError, snapshot::SnapshotError};

/// An export or import that did not come to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// The stream is not an intact copy.
    #[error("copy of identities and channels refused at offset {offset}: {reason}")]
    Refused {
        /// Bytes of the stream before the offending chunk.
        offset: u64,
        /// What is wrong.
        reason: String,
    },
    /// The stream could not be read or written.
    #[error("copy of identities and channels: {0}")]
    Stream(#[from] std::io::Error),
    /// The store refused or failed, or its own records are damaged.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Channels refused or failed.
    #[error(transparent)]
    Channel(#[from] ChannelError),
    /// An identity was refused: over a limit, or not the caller's to register.
    #[error("agent '{agent}': {reason}")]
    Identity {
        /// Whose.
        agent: String,
        /// Why.
        reason: String,
    },
}

/// The chunk code of snapshots refuses in their words.
impl From<SnapshotError> for ServiceError {
    fn from(error: SnapshotError) -> Self {
        match error {
            SnapshotError::Refused { offset, reason } => ServiceError::Refused { offset, reason },
            SnapshotError::Stream(error) => ServiceError::Stream(error),
            SnapshotError::Graph(GraphError::Store(error)) => ServiceError::Store(error),
            other @ (SnapshotError::Graph(_) | SnapshotError::NotAdmitted(_)) => {
                ServiceError::Stream(std::io::Error::other(other))
            }
        }
    }
}
