//! Parts of a mutation: what it changes in one group is bounded, and how far it has come is told.

use crate::{
    graph::write::{conditional_change::ChangeSummary, overlay::Overlay},
    limits::{OverLimit, RequestLimits},
    space::Space,
    store::GroupLimits,
};

/// Changes of records that one mutation makes in one part, about.
const PART_CHANGES: usize = 6_000;
/// Bytes that it reads or writes in one part, about.
const PART_BYTES: usize = 1 << 20;
/// A group of so many bytes beyond what its writes were to cost gets no more mutations: indexes and ledger come on top.
const BESIDE_BYTES: usize = 1 << 20;
/// An edge is three changes.
pub(crate) const PART_EDGES: usize = PART_CHANGES / 3;

/// How far a mutation has come that is made in parts: begin with the default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// The first of its items that is not done.
    pub(crate) next: usize,
    /// Nodes touched.
    pub(crate) touched: u64,
    /// What was revised.
    pub(crate) revised: ChangeSummary,
    /// The last edge that was removed.
    pub(crate) behind: Option<(Space, Vec<u8>)>,
}

impl Progress {
    /// The last edge that was removed, unless it was of another graph of this name.
    pub(crate) fn behind_in(&self, prefix: &[u8]) -> Option<&(Space, Vec<u8>)> {
        self.behind.as_ref().filter(|(_, key)| key.starts_with(prefix))
    }
}

/// What a mutation may change in the running group.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    /// Whether the rest of it may be left for the next group.
    pub(crate) divisible: bool,
    /// Bytes that a batch may write, which is not divided.
    pub(crate) batch_bytes: usize,
    /// Bytes of properties that a change of them may lead to.
    pub(crate) value_bytes: usize,
    /// Where the group was when the mutation began.
    pub(crate) begun: (usize, usize),
    /// Bytes of records that were read.
    pub(crate) read: usize,
}

impl Part {
    pub(crate) fn begin(overlay: &Overlay<'_>, divisible: bool, limits: &RequestLimits) -> Self {
        let &RequestLimits { batch_bytes, value_bytes, .. } = limits;
        Self { divisible, batch_bytes, value_bytes, begun: overlay.size(), read: 0 }
    }

    /// Whether what was changed is enough for one group.
    pub(crate) fn fill_a_group(overlay: &Overlay<'_>, limits: &GroupLimits) -> bool {
        let (changes, bytes) = overlay.size();
        changes >= limits.changes || bytes >= limits.bytes as usize + BESIDE_BYTES
    }

    /// Bytes that a batch may still write.
    pub(crate) fn room(&self, overlay: &Overlay<'_>) -> usize {
        self.batch_bytes.saturating_sub(overlay.size().1.saturating_sub(self.begun.1))
    }

    /// Fails when the mutation, a batch or a transaction, has written more than a batch may.
    pub(crate) fn check_batch(&self, overlay: &Overlay<'_>) -> Result<(), OverLimit> {
        let written = overlay.size().1.saturating_sub(self.begun.1);
        if written <= self.batch_bytes { Ok(()) } else { Err(self.batch_too_large()) }
    }

    pub(crate) fn batch_too_large(&self) -> OverLimit {
        OverLimit::Batch { most: self.batch_bytes }
    }

    pub(crate) fn is_spent(&self, overlay: &Overlay<'_>) -> bool {
        let (changes, bytes) = overlay.size();
        let bytes = bytes.saturating_sub(self.begun.1) + self.read;
        self.divisible && (changes.saturating_sub(self.begun.0) >= PART_CHANGES || bytes >= PART_BYTES)
    }
}
