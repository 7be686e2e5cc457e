//! The payload of a `BatchUpdate` (`docs/reference-protocol.md` section 8.1), with the errors that clients are told.

use epistemic_storage::properties::batch::{BatchOps, NoBatch};

use super::error::DecodeError;
use super::value::invalid_type;

/// The payload as a whole cannot be read; nothing of it may be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("[EpistemicGraph::batch_update] invalid MsgPack: {}", .0.reason())]
pub struct BatchError(DecodeError);

/// Checks the whole payload, without decoding the operations. Bytes after the array are ignored.
///
/// # Errors
/// It is no array, or broken somewhere.
pub fn parse_batch(payload: &[u8]) -> Result<BatchOps<'_>, BatchError> {
    BatchOps::parse(payload).map_err(|error| {
        BatchError(match error {
            NoBatch::NotAnArray(token) => invalid_type(token, &"a sequence"),
            NoBatch::Broken(error) => error.into(),
        })
    })
}
