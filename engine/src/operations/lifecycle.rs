//! Operations that let nodes and edges age and go, done in [`crate::lifecycle`].

use serde::Deserialize;

use crate::{
    lifecycle::{self, Decay, LifecycleError, Pruned, Swept},
    request::{computation::Computation, error::ReadError},
    wire::{counts, encode, strings, text},
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

/// `DecaySweep`
#[derive(Debug, Deserialize)]
pub(crate) struct DecaySweep {
    /// Seconds in which confidence halves.
    #[serde(default = "week")]
    half_life_secs: f64,
    /// Confidence below which is pruned.
    #[serde(default)]
    floor: f64,
    /// Whether anything is pruned.
    #[serde(default)]
    prune: bool,
}

fn week() -> f64 {
    604_800.0
}

/// `PruneByLifecycle`
#[derive(Debug, Deserialize)]
pub(crate) struct PruneByLifecycle {
    /// Seconds since something was last seen.
    max_age_secs: u64,
    /// Confidence below which it goes.
    min_score: f64,
}

/// `EvictLRU`
#[derive(Debug, Deserialize)]
pub(crate) struct EvictLru {
    /// Nodes to keep.
    max_nodes: usize,
}

/// `CompactNodesByType`
#[derive(Debug, Deserialize)]
pub(crate) struct CompactByType<'a> {
    /// Label of the nodes.
    #[serde(borrow, deserialize_with = "text")]
    node_type: &'a str,
    /// Nodes to keep.
    threshold: usize,
}

/// `DecaySweep`
pub(super) fn decay_sweep(
    computation: &Computation<'_>,
    DecaySweep { half_life_secs: half_life, floor, prune }: DecaySweep,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    let Swept { nodes_decayed, edges_decayed, nodes_pruned, edges_pruned } =
        lifecycle::decay_sweep(computation.target(), Decay { half_life, floor, prune })?;
    counts(
        out,
        &[
            ("nodes_decayed", nodes_decayed),
            ("edges_decayed", edges_decayed),
            ("nodes_pruned", nodes_pruned),
            ("edges_pruned", edges_pruned),
        ],
    );
    Ok(())
}

/// `PruneByLifecycle`
pub(super) fn prune(
    computation: &Computation<'_>,
    PruneByLifecycle { max_age_secs, min_score }: PruneByLifecycle,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    let Pruned { nodes, edges } = lifecycle::prune(computation.target(), max_age_secs, min_score)?;
    counts(out, &[("nodes_removed", nodes), ("edges_removed", edges), ("nodes_archived", 0)]);
    Ok(())
}

/// `EvictLRU`
pub(super) fn evict_lru(
    computation: &Computation<'_>,
    EvictLru { max_nodes }: EvictLru,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    encode::uint(out, lifecycle::evict_lru(computation.target(), max_nodes)?);
    Ok(())
}

/// `CompactNodesByType`
pub(super) fn compact_by_type(
    computation: &Computation<'_>,
    CompactByType { node_type, threshold }: CompactByType<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    let removed = lifecycle::compact_by_type(computation.target(), node_type, threshold)?;
    encode::map(out, 1);
    encode::str(out, "removed_nodes");
    strings(out, &removed);
    Ok(())
}
