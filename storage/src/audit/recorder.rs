//! Collects findings, commits what makes them right, and tells progress.

use super::{
    finding::{Finding, FindingKind, Findings, Fix, Found},
    run::{Audit, GraphAudit, Progress},
    show::readable,
};
use crate::{
    batch::WriteBatch,
    error::{Result, StoreError},
    space::Space,
    store::{Durability, Store},
};

/// Records between two reports of progress.
const REPORT_EVERY: u64 = 4096;

/// Where findings go.
pub(super) struct Recorder<'s> {
    /// The graph that findings are about.
    pub(super) graph: Option<String>,
    pub(super) found: Findings,
    pub(super) repaired: Findings,
    pub(super) progress: Progress,
    tell: &'s mut dyn FnMut(Progress),
    repairs: Option<Repairs<'s>>,
}

/// Changes that wait for their commit.
pub(super) struct Repairs<'s> {
    /// Where they are committed; nowhere when they are only to be told.
    pub(super) store: Option<&'s dyn Store>,
    /// A batch of so many bytes does not wait for the end of its graph.
    pub(super) most_bytes: usize,
    pub(super) batch: WriteBatch,
}

impl<'s> Recorder<'s> {
    pub(super) fn new(tell: &'s mut dyn FnMut(Progress), repairs: Option<Repairs<'s>>) -> Self {
        let (found, repaired) = (Findings::default(), Findings::default());
        Self { graph: None, found, repaired, progress: Progress::default(), tell, repairs }
    }

    /// A record of `bytes` bytes was read.
    pub(super) fn passed(&mut self, bytes: usize) {
        self.progress.records += 1;
        self.progress.bytes += bytes as u64;
        if self.progress.records.is_multiple_of(REPORT_EVERY) {
            (self.tell)(self.progress);
        }
    }

    /// Takes a finding, with what makes it right.
    pub(super) fn found(&mut self, found: Found) -> Result<()> {
        let Found { kind, space, key, detail, fix } = found;
        let finding = Finding {
            kind,
            graph: self.graph.clone(),
            space: space.name(),
            key: readable(space, &key),
            detail,
            repairable: fix.is_some(),
        };
        match (&mut self.repairs, fix) {
            (Some(repairs), Some(fix)) => {
                self.repaired.add(finding);
                repairs.add(fix)
            }
            (None, _) | (_, None) => {
                self.found.add(finding);
                Ok(())
            }
        }
    }

    /// Takes an error of the store that came while `space` was read: damage is a finding.
    ///
    /// # Errors
    /// Any other error.
    pub(super) fn unreadable(&mut self, space: Space, error: StoreError) -> Result<()> {
        if !error.is_corruption() {
            return Err(error);
        }
        self.found(Found::new(FindingKind::Unreadable, space, &[], error.to_string()))
    }

    /// Commits what was found since the last commit. Durable on return.
    pub(super) fn commit(&mut self) -> Result<()> {
        self.repairs.as_mut().map_or(Ok(()), Repairs::commit)
    }

    /// Ends the audit.
    pub(super) fn finish(self, graphs: Vec<GraphAudit>) -> Audit {
        (self.tell)(self.progress);
        Audit {
            graphs,
            unread: Vec::new(),
            found: self.found,
            repaired: self.repaired,
            records: self.progress.records,
        }
    }

    /// How many findings there are, repaired ones included.
    pub(super) fn count(&self) -> u64 {
        self.found.count() + self.repaired.count()
    }
}

impl Repairs<'_> {
    fn add(&mut self, fix: Fix) -> Result<()> {
        match fix.value {
            Some(value) => self.batch.put(fix.space, fix.key, value),
            None => self.batch.delete(fix.space, fix.key),
        }
        if self.batch.bytes() < self.most_bytes { Ok(()) } else { self.commit() }
    }

    fn commit(&mut self) -> Result<()> {
        let batch = std::mem::take(&mut self.batch);
        match self.store {
            Some(store) if !batch.is_empty() => store.commit(batch, Durability::Sync),
            Some(_) | None => Ok(()),
        }
    }
}
