//! How far a run is, within a graph too.

use crate::progress::Progress;

/// Passes over the records of a graph: into the scratch store, into a snapshot, to its place.
const PASSES: u64 = 3;

/// The progress of a run.
pub(super) struct Meter {
    progress: Progress,
    /// Input bytes and records of the graphs before.
    bytes: u64,
    records: u64,
}

impl Meter {
    pub(super) fn new(progress: Progress) -> Self {
        Self { progress, bytes: 0, records: 0 }
    }

    /// The next graph, read from so many bytes. It counts as done when this is dropped.
    pub(super) fn work(&mut self, bytes: u64, records: u64) -> Work<'_> {
        Work { meter: self, bytes, records }
    }
}

/// The work on one graph.
pub(super) struct Work<'m> {
    meter: &'m mut Meter,
    bytes: u64,
    records: u64,
}

impl Work<'_> {
    /// Tells that a pass, counted from 0, has come to so many records.
    pub(super) fn step(&mut self, pass: u64, records: u64) {
        let done = pass * self.records + records.min(self.records);
        let share = u128::from(self.bytes) * u128::from(done) / u128::from((PASSES * self.records).max(1));
        let share = u64::try_from(share).unwrap_or(self.bytes);
        let Meter { progress, bytes, records: before } = &mut *self.meter;
        progress.update(*bytes + share, *before + done / PASSES);
    }
}

impl Drop for Work<'_> {
    fn drop(&mut self) {
        let Meter { progress, bytes, records } = &mut *self.meter;
        *bytes += self.bytes;
        *records += self.records;
        progress.update(*bytes, *records);
    }
}
