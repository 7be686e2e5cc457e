//! Why an increment was refused.

use crate::stream::error::StreamError;

/// An increment that was not written or not read to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IncrementError {
    /// The file is not an intact increment, or not the one that belongs here.
    #[error("increment refused at offset {offset}: {reason}")]
    Refused {
        /// Bytes of the file before the offending chunk.
        offset: u64,
        /// What is wrong.
        reason: String,
    },
    /// The file could not be read or written.
    #[error("increment: {0}")]
    Stream(#[from] std::io::Error),
}

impl From<StreamError> for IncrementError {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::Refused { offset, reason } => IncrementError::Refused { offset, reason },
            StreamError::Io(error) => IncrementError::Stream(error),
        }
    }
}
