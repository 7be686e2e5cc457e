//! The ledger: form and completeness.

use super::graph_scan::GraphScan;
use crate::{error::Result, graph::LedgerRecord, keys, space::Space};

/// What the ledger adds up to.
#[derive(Default)]
pub(super) struct Ledger {
    pub(super) count: u64,
    /// Records that the protocol shows.
    pub(super) lines: u64,
    /// The greatest sequence number.
    pub(super) newest: u64,
    /// First and last of the newest records without a gap.
    run: Option<(u64, u64)>,
}

impl Ledger {
    /// From which sequence number on the ledger holds every change up to `sequence`.
    pub(super) fn complete_from(&self, sequence: u64) -> u64 {
        match self.run {
            Some((first, last)) if last == sequence => first,
            Some(_) | None => sequence.saturating_add(1),
        }
    }
}

/// Reads the whole ledger. A record that cannot be decoded is a gap.
pub(super) fn check(scan: &mut GraphScan<'_, '_>) -> Result<Ledger> {
    let mut ledger = Ledger::default();
    scan.for_each(Space::Ledger, |scan, key, value| {
        ledger.count += 1;
        let Some(sequence) = keys::ledger_sequence(key) else {
            return scan.bad_record(Space::Ledger, key, "key of unknown form");
        };
        ledger.newest = ledger.newest.max(sequence);
        let Ok((record, _)) = LedgerRecord::decode(value) else {
            return scan.bad_record(Space::Ledger, key, "it cannot be decoded");
        };
        ledger.lines += u64::from(record.is_shown());
        ledger.run = match ledger.run {
            Some((first, last)) if last.checked_add(1) == Some(sequence) => Some((first, sequence)),
            Some(_) | None => Some((sequence, sequence)),
        };
        Ok(())
    })?;
    Ok(ledger)
}
