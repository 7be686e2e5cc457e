//! Lifecycle operations: decoded here, done in [`crate::lifecycle`].

use super::{
    OpError,
    compute::Computation,
    reads::{self, ReadError},
};
use crate::{
    lifecycle::{self, Decay, LifecycleError, Pruned, Swept},
    wire::{Method, encode, params},
};

impl From<LifecycleError> for ReadError {
    fn from(error: LifecycleError) -> Self {
        match error {
            LifecycleError::Read(error) => ReadError::Store(error),
            LifecycleError::Write(error) => ReadError::Op(error.into()),
            LifecycleError::Cancelled(error) => error.into(),
        }
    }
}

pub(super) fn run(computation: &Computation<'_>, out: &mut Vec<u8>) -> Result<(), ReadError> {
    let method = computation.request.method;
    let raw = computation.request.envelope.params;
    let target = computation.target();
    #[expect(clippy::wildcard_enum_match_arm, reason = "the caller sends nothing else here")]
    match method {
        Method::DecaySweep => {
            let params::DecaySweep { half_life_secs: half_life, floor, prune } = params::params(method, raw)?;
            let Swept { nodes_decayed, edges_decayed, nodes_pruned, edges_pruned } =
                lifecycle::decay_sweep(target, Decay { half_life, floor, prune })?;
            counts(
                out,
                &[
                    ("nodes_decayed", nodes_decayed),
                    ("edges_decayed", edges_decayed),
                    ("nodes_pruned", nodes_pruned),
                    ("edges_pruned", edges_pruned),
                ],
            );
        }
        Method::PruneByLifecycle => {
            let params::PruneByLifecycle { max_age_secs, min_score } = params::params(method, raw)?;
            let Pruned { nodes, edges } = lifecycle::prune(target, max_age_secs, min_score)?;
            counts(out, &[("nodes_removed", nodes), ("edges_removed", edges), ("nodes_archived", 0)]);
        }
        Method::EvictLRU => {
            let params::EvictLru { max_nodes } = params::params(method, raw)?;
            encode::uint(out, lifecycle::evict_lru(target, max_nodes)?);
        }
        Method::CompactNodesByType => {
            let params::CompactByType { node_type, threshold } = params::params(method, raw)?;
            let removed = lifecycle::compact_by_type(target, node_type, threshold)?;
            encode::map(out, 1);
            encode::str(out, "removed_nodes");
            reads::strings(out, &removed);
        }
        other => return Err(OpError::Text(format!("{other} is no lifecycle operation")).into()),
    }
    Ok(())
}

fn counts(out: &mut Vec<u8>, fields: &[(&str, u64)]) {
    encode::map(out, fields.len());
    for (name, count) in fields {
        encode::str(out, name);
        encode::uint(out, *count);
    }
}
