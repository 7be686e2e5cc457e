//! Why a stream of chunks was refused; each format has its own words for it.

/// A stream that was not written or not read to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StreamError {
    /// It is not intact.
    #[error("refused at offset {offset}: {reason}")]
    Refused {
        /// Bytes of the stream before the offending chunk.
        offset: u64,
        /// What is wrong.
        reason: String,
    },
    /// It could not be read or written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}
