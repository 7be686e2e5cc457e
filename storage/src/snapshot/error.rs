//! Why a snapshot was refused.

use crate::{error::StoreError, graph::GraphError, stream::error::StreamError};

/// An export or import that did not happen. A refused import has written nothing that anyone can see.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The stream is not an intact snapshot.
    #[error(
        "snapshot refused at offset {offset}: {reason}; nothing was imported. Take a new export from the source"
    )]
    Refused {
        /// Bytes of the stream before the offending chunk or field.
        offset: u64,
        /// What is wrong.
        reason: String,
    },
    /// Whoever imports may not make a graph of this one, in the words of [`super::Admit`].
    #[error("{0}")]
    NotAdmitted(String),
    /// The stream could not be read or written.
    #[error("snapshot stream: {0}")]
    Stream(#[from] std::io::Error),
    /// The graph layer refused or failed.
    #[error(transparent)]
    Graph(#[from] GraphError),
}

impl From<StoreError> for SnapshotError {
    fn from(error: StoreError) -> Self {
        SnapshotError::Graph(error.into())
    }
}

impl From<StreamError> for SnapshotError {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::Refused { offset, reason } => SnapshotError::Refused { offset, reason },
            StreamError::Io(error) => SnapshotError::Stream(error),
        }
    }
}
