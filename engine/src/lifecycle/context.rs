//! What a lifecycle operation works with, and why it ends.

use std::sync::Arc;

use epistemic_storage::{
    StoreError,
    graph::{Graph, GraphError},
};

use crate::{
    account::Account,
    analytics::{Cancel, Cancelled},
    quotas::Tenant,
    shard::Shard,
};

/// Whom an operation works for, and on what.
#[derive(Clone)]
pub(crate) struct Target<'a> {
    pub(crate) shard: &'a Shard,
    pub(crate) graph: &'a Arc<Graph>,
    pub(crate) cancel: &'a Cancel,
    pub(crate) account: Account,
    /// Whose quota it counts for, if anybody's.
    pub(crate) tenant: Option<Arc<Tenant>>,
}

/// Why an operation ended before its end. What was committed until then stays.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LifecycleError {
    /// The graph could not be read.
    #[error(transparent)]
    Read(#[from] StoreError),
    /// A part could not be committed.
    #[error(transparent)]
    Write(#[from] GraphError),
    /// Nobody waits for it.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}
