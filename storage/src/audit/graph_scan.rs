//! Reading the records of one graph.

use super::{
    finding::{FindingKind, Found},
    recorder::Recorder,
};
use crate::{
    error::Result,
    keys::{self, GraphId},
    space::Space,
    store::{Read, ScanOptions},
};

/// Records that are looked up together.
pub(super) const SLICE: usize = 256;

/// One graph on one read view, and where findings go.
pub(super) struct GraphScan<'p, 's> {
    pub(super) read: &'p dyn Read,
    pub(super) id: GraphId,
    /// The space that is read.
    pub(super) space: Space,
    pub(super) recorder: &'p mut Recorder<'s>,
}

impl GraphScan<'_, '_> {
    /// Calls `each` with every record of the graph in `space`, in the order of keys.
    pub(super) fn for_each(
        &mut self,
        space: Space,
        mut each: impl FnMut(&mut Self, &[u8], &[u8]) -> Result<()>,
    ) -> Result<()> {
        self.space = space;
        let mut cursor = self.read.scan(space, keys::graph(self.id), ScanOptions::FORWARD)?;
        while let Some((key, value)) = cursor.next()? {
            self.recorder.passed(key.len() + value.len());
            each(self, key, value)?;
        }
        Ok(())
    }

    /// Reports a finding.
    pub(super) fn found(&mut self, found: Found) -> Result<()> {
        self.recorder.found(found)
    }

    /// A record of a derived space that is none: it has no business there.
    pub(super) fn no_derived_record(&mut self, space: Space, key: &[u8]) -> Result<()> {
        self.found(Found::new(FindingKind::BadRecord, space, key, "key or value of unknown form").remove())
    }

    /// A record of a primary space that is none.
    pub(super) fn bad_record(&mut self, space: Space, key: &[u8], detail: &str) -> Result<()> {
        self.found(Found::new(FindingKind::BadRecord, space, key, detail))
    }
}
