//! Operations that let nodes and edges age and go (`docs/reference-protocol.md` sections 6.4 and 7).
//!
//! Each reads one view, works out conditional changes and commits them in parts through the commit thread: no lock is
//! held across a graph, and what somebody else changes meanwhile stays as he left it.

mod compact;
mod decay;
mod evict;
mod prune;
mod reviser;

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

pub(crate) use compact::compact_by_type;
pub(crate) use decay::{Decay, Swept, decay_sweep};
pub(crate) use evict::evict_lru;
pub(crate) use prune::{Pruned, prune};
pub(crate) use reviser::Reviser;

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
