//! Commits conditional changes in parts.

use epistemic_storage::{
    StoreError,
    graph::{GraphReader, Op, Outcome, Revised, Revision},
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
    part: Vec<Revision>,
    bytes: usize,
    done: Revised,
    failure: Option<LifecycleError>,
}

impl<'a> Reviser<'a> {
    /// For changes that are worked out from the state of `reader`.
    pub(super) fn new(target: Target<'a>, reader: &GraphReader<'_>) -> Result<Self, StoreError> {
        let since = reader.state()?.sequence;
        Ok(Self { target, since, part: Vec::new(), bytes: 0, done: Revised::default(), failure: None })
    }

    /// Adds a change, and commits when enough are gathered.
    ///
    /// # Errors
    /// [`StoreError::Stopped`] when a commit failed or nobody waits any more: end the read, [`Reviser::finish`] tells why.
    pub(super) fn push(&mut self, revision: Revision) -> Result<(), StoreError> {
        self.bytes += revision.bytes();
        self.part.push(revision);
        if self.part.len() < PART && self.bytes < PART_BYTES {
            return Ok(());
        }
        self.commit().map_err(|failure| {
            self.failure = Some(failure);
            StoreError::Stopped
        })
    }

    /// Commits the rest. `read` is what the scan that pushed ended with.
    pub(super) fn finish(mut self, read: Result<(), StoreError>) -> Result<Revised, LifecycleError> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        read?;
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
        let op = Op::Revise { of: graph.id(), since: self.since, changes: part, in_parts: true };
        if let Outcome::Revised(revised) =
            shard.write_blocking(account.clone(), op, tenant.as_ref().map(WriteCharge::afterwards))?
        {
            self.done.add(revised);
        }
        Ok(())
    }
}
