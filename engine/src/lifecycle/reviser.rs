//! Commits conditional changes in parts.

use epistemic_storage::{
    StoreError,
    graph::{ChangeSummary, ConditionalChange, GraphReader, Op, Outcome},
};

use super::context::{LifecycleError, Target};
use crate::quotas::WriteCharge;

/// Changes and bytes of one part: a few milliseconds of the commit thread.
const PART: usize = 1_000;
const PART_BYTES: usize = 256 << 10;

/// Gathers changes and commits them when there are enough.
pub(super) struct Reviser<'a> {
    target: Target<'a>,
    since: u64,
    part: Vec<ConditionalChange>,
    bytes: usize,
    done: ChangeSummary,
}

impl<'a> Reviser<'a> {
    /// For changes that are worked out from the state of `reader`.
    pub(super) fn new(target: Target<'a>, reader: &GraphReader<'_>) -> Result<Self, StoreError> {
        let since = reader.counters()?.sequence;
        Ok(Self { target, since, part: Vec::new(), bytes: 0, done: ChangeSummary::default() })
    }

    /// Adds a change, and commits when enough are gathered.
    ///
    /// # Errors
    /// A commit failed, or nobody waits any more.
    pub(super) fn push(&mut self, revision: ConditionalChange) -> Result<(), LifecycleError> {
        self.bytes += revision.bytes();
        self.part.push(revision);
        if self.part.len() < PART && self.bytes < PART_BYTES { Ok(()) } else { self.commit() }
    }

    /// Commits the rest.
    pub(super) fn finish(mut self) -> Result<ChangeSummary, LifecycleError> {
        self.commit()?;
        Ok(self.done)
    }

    fn commit(&mut self) -> Result<(), LifecycleError> {
        self.target.cancel.check()?;
        self.bytes = 0;
        let part = std::mem::take(&mut self.part);
        if part.is_empty() {
            return Ok(());
        }
        let Target { shard, graph, account, tenant, .. } = &self.target;
        let op = Op::Conditional { of: graph.id(), since: self.since, changes: part, in_parts: true };
        if let Outcome::Conditional(revised) =
            shard.write_blocking(account.clone(), op, tenant.as_ref().map(WriteCharge::afterwards))?
        {
            self.done.add(revised);
        }
        Ok(())
    }
}
