//! Why a copy of identities and channels was not written or not taken.

use crate::{channels::ChannelError, error::StoreError, stream::error::StreamError};

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

impl From<StreamError> for ServiceError {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::Refused { offset, reason } => ServiceError::Refused { offset, reason },
            StreamError::Io(error) => ServiceError::Stream(error),
        }
    }
}
