//! Why an increment was refused.

use crate::snapshot::SnapshotError;

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

/// The chunk code of snapshots refuses in their words.
impl From<SnapshotError> for IncrementError {
    fn from(error: SnapshotError) -> Self {
        match error {
            SnapshotError::Refused { offset, reason } => IncrementError::Refused { offset, reason },
            SnapshotError::Stream(error) => IncrementError::Stream(error),
            other @ (SnapshotError::Graph(_) | SnapshotError::NotAdmitted(_)) => {
                IncrementError::Stream(std::io::Error::other(other))
            }
        }
    }
}
