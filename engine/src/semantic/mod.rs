//! Search over the embeddings of a graph: exact cosines, from memory where they fit and from storage where not. Only
//! embeddings of one length are compared with each other.

mod best;
mod cache;
mod index;
mod kernel;
mod pairs;
mod rows;
mod stream;
#[cfg(test)]
mod tests;
mod update;

pub(crate) use cache::Indexes;
pub(crate) use stream::search_stored;

use std::sync::Arc;

use epistemic_protocol::ErrorCode;
use epistemic_storage::StoreError;

use crate::analytics::Cancelled;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SemanticError {
    /// Nobody waits for it any more.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// All pairs are compared in memory only.
    #[error(
        "{code}: the embeddings of graph '{graph}' need about {needed} MiB, --vector-memory allows {allowed} MiB; raise it",
        code = ErrorCode::VectorsTooLarge
    )]
    OverMemory { graph: Arc<str>, needed: usize, allowed: usize },
    /// Too many pairs to answer.
    #[error(
        "{code}: the pairs take over {limit} bytes; raise the threshold",
        code = ErrorCode::ResultTooLarge
    )]
    TooManyPairs { limit: usize },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A node that a search found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Match<I> {
    pub(crate) id: I,
    pub(crate) score: f32,
}
