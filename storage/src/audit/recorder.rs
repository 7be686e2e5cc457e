//! Collects findings, commits repairs, and reports progress.

use super::{
    finding::{Finding, FindingKind, Findings, Fix, Found},
    key_display::display_key,
    report::{Audit, DataLimits, GraphAudit, Progress},
};
use crate::{
    batch::WriteBatch,
    error::{Result, StoreError},
    space::Space,
    store::{Durability, Store},
};

/// Records between two reports of progress.
const REPORT_EVERY: u64 = 4096;

/// Collects findings and repairs.
pub(super) struct Recorder<'s> {
    /// The graph that findings are about.
    pub(super) graph: Option<String>,
    pub(super) found: Findings,
    pub(super) repaired: Findings,
    /// What is compared with, if anything is.
    pub(super) limits: Option<DataLimits>,
    /// What is beyond these.
    over_limits: Findings,
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
        Self {
            graph: None,
            found: Findings::default(),
            repaired: Findings::default(),
            limits: None,
            over_limits: Findings::default(),
            progress: Progress::default(),
            tell,
            repairs,
        }
    }

    /// Tells what is over these limits as well.
    pub(super) fn comparing_with(self, limits: DataLimits) -> Self {
        Self { limits: Some(limits), ..self }
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
        let (finding, fix) = self.finding(found);
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

    /// Takes what is over a limit.
    pub(super) fn over_limit(&mut self, found: Found) {
        let (finding, _) = self.finding(found);
        self.over_limits.add(finding);
    }

    fn finding(&self, Found { kind, space, key, detail, fix }: Found) -> (Finding, Option<Fix>) {
        let (graph, key, repairable) = (self.graph.clone(), display_key(space, &key), fix.is_some());
        (Finding { kind, graph, space: space.name(), key, detail, repairable }, fix)
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
            over_limits: self.over_limits,
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
